package browse

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// Options are what a page is made for.
type Options struct {
	Dir string // the dataset's folder
	// Settings are those of the configuration; [pipeline.Explain] asks for them.
	Settings *pipeline.Options
	// Address is the listener's, such as 127.0.0.1:8770. Requests under another name
	// are refused.
	Address string
	// Near finds pairs by meaning. It is nil where the shards have no embeddings. It
	// may be called by several requests at once. An error that wraps fs.ErrNotExist says
	// that the pair has no vector.
	Near func(context.Context, Nearest) ([]Near, error)
	// Refuse puts a picture on the dataset's refusal list. When it returns nil, that is
	// on disk; asked for one that is there it does nothing. nil shows no way to refuse.
	Refuse func(context.Context, Refusal) error
	// Refused tells whether the refusal list has a pair; nil knows only of what was
	// refused here. The pair lives until it returns. It may be called by several
	// requests at once.
	Refused func(*shard.Pair) bool
	Log     *slog.Logger
}

// Refusal is one press of the button: the pair that was looked at, and the address of
// its picture, which is what is refused.
type Refusal struct {
	PairID   uint64
	ImageURL string
}

// Nearest asks for the Most pairs nearest to a text or, where Text is "", to the
// picture of a pair.
type Nearest struct {
	Text string
	Pair uint64
	Most int
}

// Near is one of them, the nearest first. Score is the cosine.
type Near struct {
	PairID uint64
	Score  float32
}

//go:embed static templates
var files embed.FS

// Server is the page.
type Server struct {
	Options
	token   string // of this process, which what changes something must bring
	pages   *template.Template
	handler http.Handler

	mu       sync.RWMutex // held while rows of the index are read
	index    *index
	building bool
	failed   string // why the last manifest's index could not be built, and of which
	builds   sync.WaitGroup

	refusing sync.RWMutex
	refused  map[string]bool // addresses that were refused here

	explaining chan struct{} // of room for one, since each reads all folders
	recent     recent
}

// New reads the folder. The caller closes the server.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, token: rand.Text(), refused: map[string]bool{}, explaining: make(chan struct{}, 1)}
	var err error
	if s.index, err = s.build(); err != nil {
		return nil, err
	}
	if s.pages, err = parsePages(); err != nil {
		s.index.close()
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /picture/{id}", s.picture)
	mux.HandleFunc("GET /stored/{id}", s.stored)
	mux.HandleFunc("POST /refuse", s.refuse)
	mux.HandleFunc("GET /{$}", s.page(s.pairs))
	mux.HandleFunc("GET /pair/{id}", s.page(s.pair))
	mux.HandleFunc("GET /road", s.road)
	mux.HandleFunc("GET /dropped", s.page(s.dropped))
	mux.HandleFunc("GET /texts", s.texts)
	mux.HandleFunc("GET /alike", s.page(s.alike))
	mux.HandleFunc("GET /queries", s.page(s.queries))
	mux.HandleFunc("GET /hosts", s.page(s.hosts))
	s.handler = s.guard(mux)
	return s, nil
}

func (s *Server) build() (*index, error) {
	names, err := pipeline.QueryNames(s.Dir)
	if err != nil {
		return nil, err
	}
	return build(s.Dir, names)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Pairs is the number of pairs, and how many of them the shards hold.
func (s *Server) Pairs() (all, finished int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.index.len(), s.index.finished
}

// Close ends what is being read. No request may be under way.
func (s *Server) Close() error {
	s.builds.Wait()
	s.index.close()
	return nil
}

// refresh begins to build the index anew where a manifest changed.
func (s *Server) refresh() {
	stamp := stampOf(s.Dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.building || stamp == s.index.stamp || s.failed != "" && stamp == s.failed {
		return
	}
	s.building = true
	s.builds.Go(func() {
		var x *index
		err := s.reading(func() (err error) {
			x, err = s.build()
			return err
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		s.building = false
		if err != nil {
			s.failed = stamp
			s.Log.Warn("the dataset changed and cannot be read anew", "error", err)
			return
		}
		s.failed = ""
		s.index.close()
		s.index = x
		s.recent.forget()
	})
}

// notice says to people that what they see is not what lies in the folder.
func (s *Server) notice() string {
	switch {
	case s.building:
		return "The dataset changed; its new state is being read. This is the one before."
	case s.failed != "" && s.failed != s.index.stamp:
		return "The dataset changed and cannot be read yet: a stage is at work, or was stopped. This is the state before."
	}
	return ""
}

// notFound is an error that becomes a 404.
type notFound struct{ what string }

func (e *notFound) Error() string { return e.what }

// page answers with a template. Rows are read under the index's lock, and sent when
// it is free again: a slow reader holds up nobody.
func (s *Server) page(view func(*http.Request, *frame) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.refresh()
		s.answer(w, r, func(f *frame) error { return view(r, f) })
	}
}

// answer is page for a view of one request.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, view func(*frame) error) {
	s.mu.RLock()
	f := s.frame(r)
	var b bytes.Buffer
	err := s.reading(func() error {
		if err := view(f); err != nil {
			return err
		}
		return s.pages.ExecuteTemplate(&b, f.Template, f)
	})
	s.mu.RUnlock()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(b.Bytes())
}

// fail answers with what went wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var missing *notFound
	if errors.As(err, &missing) || errors.Is(err, fs.ErrNotExist) {
		status = http.StatusNotFound
	} else if r.Context().Err() == nil {
		s.Log.Warn("a page could not be made", "address", r.URL.String(), "error", err)
	}
	s.mu.RLock()
	f := s.frame(r)
	f.Title, f.Body = http.StatusText(status), s.told(err)
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "failed.html", f); err != nil {
		b.Reset()
		b.WriteString("the page could not be made")
	}
	s.mu.RUnlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// told is an error as pages show it, which need not say where the dataset lies. The log
// does.
func (s *Server) told(err error) string {
	text := err.Error()
	if full, err := filepath.Abs(s.Dir); err == nil {
		text = strings.ReplaceAll(text, full+string(filepath.Separator), "")
	}
	return strings.ReplaceAll(text, filepath.Clean(s.Dir)+string(filepath.Separator), "")
}

// frame is what all pages have.
type frame struct {
	Template, Title string
	Dataset         string // the folder's name
	Place           string // which of the places in the header it is
	Ask             string // in the search field
	Meaning, Near   bool   // the search is by meaning; it could be
	MayRefuse       bool
	Token, Notice   string
	Body            any
}

func (s *Server) frame(r *http.Request) *frame {
	name := s.Dir
	if full, err := filepath.Abs(s.Dir); err == nil {
		name = filepath.Base(full)
	}
	return &frame{
		Dataset: name, Ask: r.FormValue("q"), Near: s.Near != nil, Meaning: s.Near != nil && r.FormValue("by") == byMeaning,
		MayRefuse: s.Options.Refuse != nil, Token: s.token, Notice: s.notice(),
	}
}

// parsePages reads the templates.
func parsePages() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"n":       func(n int) string { return pipeline.Grouped(int64(n)) },
		"n64":     pipeline.Grouped,
		"search":  search,
		"percent": func(share float64) string { return strconv.FormatFloat(share, 'f', 1, 64) },
	}).ParseFS(files, "templates/*.html")
}

// find is the pair that the address of a page names.
func (s *Server) find(r *http.Request) (entry, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 16, 64)
	if err == nil && len(r.PathValue("id")) == 16 {
		if e, ok := s.index.find(id); ok {
			return e, nil
		}
	}
	return 0, &notFound{fmt.Sprintf("no pair %q is known; a pair id has 16 hexadecimal digits", r.PathValue("id"))}
}

// picture sends the bytes of a pair's picture as they are stored.
func (s *Server) picture(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	var p row
	var image []byte
	err := s.reading(func() error {
		e, err := s.find(r)
		if err == nil {
			p, err = s.index.row(e, true)
		}
		image = bytes.Clone(p.Image)
		return err
	})
	media := mediaType(p.Format)
	s.mu.RUnlock()
	s.send(w, r, image, media, p.PictureHash, err)
}

// stored sends a picture by the id of its address: also of texts that were dropped
// before there was a pair.
func (s *Server) stored(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 16, 64)
	var p shard.Image
	s.mu.RLock()
	var image []byte
	if err == nil {
		err = s.reading(func() (err error) {
			p, _, err = s.index.images.read(id, true)
			image = bytes.Clone(p.Bytes)
			return err
		})
	} else {
		err = &notFound{"an id of 16 hexadecimal digits is expected"}
	}
	media := mediaType(p.Format)
	s.mu.RUnlock()
	s.send(w, r, image, media, p.PictureHash, err)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, image []byte, media string, hash uint64, err error) {
	if err == nil && len(image) == 0 {
		err = &notFound{"no picture is stored of it"}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	tag := fmt.Sprintf(`"%016x"`, hash)
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "private, max-age=600")
	w.Header().Set("ETag", tag)
	// What is looked at alone runs nothing either.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if slices.Contains(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(image)
}

// isRefused tells whether a pair's picture is on the refusal list.
func (s *Server) isRefused(p *shard.Pair) bool {
	s.refusing.RLock()
	here := s.refused[p.ImageURL]
	s.refusing.RUnlock()
	return here || s.Options.Refused != nil && s.Options.Refused(p)
}

// refuse takes a press of the button. A script gets 204, a form goes back to its page.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	if s.Options.Refuse == nil {
		http.Error(w, "nothing can be refused here", http.StatusNotFound)
		return
	}
	id, err := strconv.ParseUint(r.FormValue("pair"), 16, 64)
	if err != nil {
		http.Error(w, fmt.Sprintf("pair %q: 16 hexadecimal digits expected", r.FormValue("pair")), http.StatusBadRequest)
		return
	}
	s.mu.RLock()
	e, known := s.index.find(id)
	refusal := Refusal{PairID: id}
	if known {
		err = s.reading(func() error {
			p, err := s.index.row(e, false)
			refusal.ImageURL = string([]byte(p.ImageURL)) // the index may go
			return err
		})
	}
	s.mu.RUnlock()
	if err == nil && !known {
		http.Error(w, "no such pair is known", http.StatusNotFound)
		return
	}
	if err == nil {
		err = s.Options.Refuse(r.Context(), refusal)
	}
	if err != nil {
		s.Log.Warn("a picture could not be refused", "address", refusal.ImageURL, "error", err)
		http.Error(w, s.told(err), http.StatusInternalServerError)
		return
	}
	s.refusing.Lock()
	s.refused[refusal.ImageURL] = true
	s.refusing.Unlock()
	if r.Header.Get(tokenHeader) != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, "/pair/"+shard.FormatPairID(id), http.StatusSeeOther)
}
