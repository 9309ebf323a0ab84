package crawl

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// site is a small web site with everything that goes wrong on one.
type site struct {
	*httptest.Server
	requests atomic.Int64
	notify   atomic.Pointer[func(n int64)] // called for each request
	path     atomic.Value                  // func(path string), called for each request
	hangs    atomic.Bool                   // /hang does, else it breaks off at once
	version  atomic.Int64                  // of /changing
	down     atomic.Bool                   // /changing hangs up
	cached   atomic.Int64                  // conditional requests
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	stop := make(chan struct{})
	page := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, body)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/robots.txt", page("User-agent: *\nDisallow: /private\n"))
	mux.HandleFunc("/.well-known/tdmrep.json", page(`[{"location":"/p/3","tdm-reservation":1}]`))
	mux.HandleFunc("/private/", page(`<img src=/no.png alt=never>`))
	mux.HandleFunc("/{$}", page(`<img src=/home.png alt="The home"><a href=/p/1><a href=/p/2><a href=/private/x><a href=/missing><a href=/hang>
		<a href=/reset><a href=/noise><a href=/loop1><a href=/self><a href=/long/1><a href=/moved><a href=/away><a href=/endless><a href=/noai>
		<a href=/text><a href=/p/1?PHPSESSID=3><a href=/a/b/a/b/a/b><a href=/calendar/2026/01><a href=/photo.jpg><a href=/flaky><a href=/error>
		<a href=/nothing><a href=/changing><a href="/x?`+strings.Repeat("y", 2100)+`"><a href=`+deepPath()+`>
		<a href=http://elsewhere.example/><a href="mailto:a@b">`))
	mux.HandleFunc("/p/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		body := fmt.Sprintf(`<img src=/i/%d.png alt="Picture %d" title="Number %d"><img src=/shared.png alt=shared>`, n, n, n)
		if n < 32 {
			body += fmt.Sprintf(`<a href=/p/%d><a href=/p/%d><a href=/>`, 2*n, 2*n+1)
		}
		page(body)(w, r)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		if !s.hangs.Load() {
			panic(http.ErrAbortHandler)
		}
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	})
	noise := make([]byte, 4096)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	mux.HandleFunc("/noise", page(string(noise)))
	mux.HandleFunc("/loop1", redirect("/loop2"))
	mux.HandleFunc("/loop2", redirect("/loop1"))
	mux.HandleFunc("/self", redirect("/self"))
	mux.HandleFunc("/frames", page(`<frameset cols=*><frame src=/frames/refresh><frame src=/private/x></frameset>`))
	mux.HandleFunc("/frames/refresh", page(`<meta http-equiv=refresh content="0;url=inside">`))
	mux.HandleFunc("/frames/inside", page(`<img src=/f.png alt="in an inner page"><iframe src=/frames/header></iframe><iframe src=http://elsewhere.example/></iframe>`))
	mux.HandleFunc("/frames/header", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Refresh", "3; url=/frames/last")
		page("")(w, r)
	})
	mux.HandleFunc("/frames/last", page(`<img src=/l.png alt="in the last page">`))
	// A wall wants to see its cookie come back: to itself, or by way of another
	// page. A welcome sets one too, and leads to a page that is open.
	wall := func(via string, then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err == nil {
				then(w, r)
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Path: "/"})
			redirect(via)(w, r)
		}
	}
	mux.HandleFunc("/wall", wall("/wall", page(`<img src=/wall.png alt="behind the wall"><a href=/echo>`)))
	mux.HandleFunc("/gate", wall("/gate/check", page(`<img src=/gate.png alt="past the gate">`)))
	mux.HandleFunc("/gate/check", wall("/", redirect("/gate")))
	mux.HandleFunc("/welcome", wall("/echo", http.NotFound))
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		page(fmt.Sprintf(`<img src=/echo.png alt="brought %d cookies">`, len(r.Cookies())))(w, r)
	})
	mux.HandleFunc("/counter", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "n", Value: strconv.Itoa(rand.Int()), Path: "/"})
		redirect("/counter")(w, r)
	})
	mux.HandleFunc("/long/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		redirect(fmt.Sprintf("/long/%d", n+1))(w, r)
	})
	mux.HandleFunc("/moved", redirect("/moved-here#part"))
	mux.HandleFunc("/moved-here", page(`<img src=/moved.png alt=moved>`))
	mux.HandleFunc("/away", redirect("http://169.254.169.254/latest"))
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		page(`<img src=/endless.png alt=endless>`)(w, r)
		for block := strings.Repeat("x", 4096); ; {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/noai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Robots-Tag", "noai")
		page(`<img src=/noai.png alt=mine><a href=/p/63>`)(w, r)
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "just text") })
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	var flaky atomic.Int64
	mux.HandleFunc("/flaky", func(w http.ResponseWriter, r *http.Request) {
		if flaky.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		page(`<img src=/flaky.png alt=flaky>`)(w, r)
	})
	mux.HandleFunc("/changing", func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		tag := fmt.Sprintf(`"v%d"`, s.version.Load())
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") != "" {
			s.cached.Add(1)
		}
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		page(fmt.Sprintf(`<img src=/changing.png alt="version %d">`, s.version.Load()))(w, r)
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.requests.Add(1)
		if notify := s.notify.Load(); notify != nil {
			(*notify)(n)
		}
		if path, ok := s.path.Load().(func(string)); ok {
			path(r.URL.RequestURI())
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(stop) })
	return s
}

func deepPath() string {
	var b strings.Builder
	for i := range 21 {
		fmt.Fprintf(&b, "/s%d", i)
	}
	return b.String()
}

// killAfter starts a crawler of the site and kills it with its n-th request from now
// on. killed is false for one that ended before; err is then how.
func (s *site) killAfter(t *testing.T, crawler *exec.Cmd, n int64) (killed bool, err error) {
	t.Helper()
	start, reached := s.requests.Load(), make(chan struct{})
	notify := func(request int64) {
		if request == start+n {
			close(reached)
		}
	}
	s.notify.Store(&notify)
	defer s.notify.Store(nil)
	if err := crawler.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- crawler.Wait() }()
	select {
	case <-reached:
		crawler.Process.Kill()
		<-ended
		return true, nil
	case err := <-ended:
		return false, err
	}
}
