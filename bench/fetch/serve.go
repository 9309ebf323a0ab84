package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// site serves the files of a folder, by their number in its list, on many addresses.
type site struct {
	files    []string
	latency  time.Duration
	answered atomic.Int64
}

// address is that of host h.
func address(h, port int) string {
	return fmt.Sprintf("127.0.%d.%d:%d", 1+h/250, 1+h%250, port)
}

// serve answers on each address until SIGTERM, and then prints what it did.
func serve(files []string, hosts, port int, latency time.Duration) error {
	s := &site{files: files, latency: latency}
	server := &http.Server{Handler: s}
	failed := make(chan error, hosts)
	for h := range hosts {
		l, err := net.Listen("tcp", address(h, port))
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		go func() { failed <- server.Serve(l) }()
	}
	fmt.Println("serving")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-stop:
	}
	server.Close()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return fmt.Errorf("read processor time: %w", err)
	}
	spent := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	fmt.Printf("server: %d answers, %.1f s of processor time\n", s.answered.Load(), spent.Seconds())
	return nil
}

// ServeHTTP answers /NUMBER.EXTENSION with the file of that number.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.answered.Add(1)
	time.Sleep(s.latency)
	name := filepath.Base(r.URL.Path)
	n, err := strconv.Atoi(strings.TrimSuffix(name, filepath.Ext(name)))
	if err != nil || n < 0 || n >= len(s.files) {
		http.NotFound(w, r)
		return
	}
	http.ServeFile(w, r, s.files[n])
}
