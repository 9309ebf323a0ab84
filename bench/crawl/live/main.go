// Command live serves a site of many hosts on loopback, to measure crawlers on:
//
//	live -hosts 200 -pages 500 -port 8901
//
// The hosts are 127.0.0.1, 127.0.0.2 and so on. Each has the pages /0 to
// /PAGES-1, a tree of ten links a page with a menu of twenty links and four to
// other hosts, ten pictures with alt texts, and filler up to about 10 KB. At
// SIGTERM it prints what it answered and the processor time that it took.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// words fill pages; no picture of a site's has the text of another's.
var words = strings.Fields(`red fox brown bear old harbour stone bridge winter forest small village market square church tower
	green valley river boat wooden door garden wall evening light mountain lake summer field open road quiet street`)

// site is the site.
type site struct {
	hosts, pages, port int
	answered           atomic.Int64
}

func main() {
	var s site
	flag.IntVar(&s.hosts, "hosts", 200, "addresses from 127.0.0.1 on")
	flag.IntVar(&s.pages, "pages", 500, "pages a host")
	flag.IntVar(&s.port, "port", 8901, "port on each address")
	flag.Parse()
	if err := s.serve(); err != nil {
		log.Fatal(err)
	}
}

// address is that of host h.
func (s *site) address(h int) string {
	return fmt.Sprintf("127.0.%d.%d:%d", (h+1)/250, (h+1)%250, s.port)
}

func (s *site) serve() error {
	server := &http.Server{Handler: s}
	failed := make(chan error, s.hosts)
	for h := range s.hosts {
		l, err := net.Listen("tcp", s.address(h))
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		go func() { failed <- server.Serve(l) }()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-stop:
	}
	if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("close: %w", err)
	}
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return fmt.Errorf("read processor time: %w", err)
	}
	spent := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	fmt.Printf("server: %d answers, %.1f s of processor time\n", s.answered.Load(), spent.Seconds())
	return nil
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.answered.Add(1)
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n < 0 || n >= s.pages {
		http.NotFound(w, r)
		return
	}
	body := s.page(r.Host, n)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func (s *site) page(host string, n int) []byte {
	var b bytes.Buffer
	b.Grow(12 << 10)
	word := func(i int) string { return words[(n*7+i*3)%len(words)] }
	fmt.Fprintf(&b, "<!doctype html><html lang=en><head><title>Page %d of %s</title></head><body><nav>", n, host)
	for i := range min(20, s.pages) {
		fmt.Fprintf(&b, `<a href="/%d">%s %d</a> `, i, words[i%len(words)], i)
	}
	b.WriteString("</nav><main>")
	for i := range 10 {
		fmt.Fprintf(&b, `<figure><img src="/pictures/%d/%d.jpg" alt="%s %s %s number %d" width=640 height=480><figcaption>%s %s</figcaption></figure>`,
			n, i, word(i), word(i+1), word(i+2), n*10+i, word(i+3), word(i+4))
		if child := n*10 + i + 1; child < s.pages {
			fmt.Fprintf(&b, `<p><a href="/%d">%s %s, page %d</a></p>`, child, word(i+5), word(i+6), child)
		}
	}
	for i := range 4 {
		fmt.Fprintf(&b, `<a href="http://%s/%d">%s elsewhere</a> `, s.address((n*13+i*57)%s.hosts), (n*31+i)%s.pages, word(i))
	}
	for i := 0; b.Len() < 10<<10; i++ {
		fmt.Fprintf(&b, "<p>%s %s %s %s %s %s %s %s %s.</p>", word(i), word(i+1), word(i+2), word(i+3), word(i+4), word(i+5), word(i+6), word(i+7), word(i+8))
	}
	b.WriteString("</main></body></html>")
	return b.Bytes()
}
