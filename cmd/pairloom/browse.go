package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/pairloom/pairloom/browse"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/search"
	"github.com/spf13/cobra"
)

func newBrowse(g *global) *cobra.Command {
	var port uint16
	c := &cobra.Command{
		Use: "browse", Short: "Look through the pairs, kept and dropped, on a page on loopback",
		Long: `Look through the pairs, kept and dropped, on a page on loopback: a grid of pictures;
search by words, host, query and reason, and by meaning where pairloom embed pictures
has run; for each pair its way, as pairloom explain tells it; what each rule dropped;
groups of pictures that look alike; and a key that puts a picture on the refusal list
refused.txt. It reads the folder while other commands write it, and takes up what they
finished. See docs/browse.md.`,
		Example: `  pairloom browse -C cats
  pairloom browse -C cats --port 0 --json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			return g.browse(c.Context(), w, port)
		},
	}
	c.Flags().Uint16Var(&port, "port", 8770, "port on 127.0.0.1; 0 takes a free one")
	return c
}

func (g *global) browse(ctx context.Context, w *workspace, port uint16) error {
	// The address is a constant: the page is for this machine's people alone.
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return &exitError{exitConfiguration, fmt.Errorf("browse: %w; choose another --port, 0 takes a free one", err)}
	}
	defer listener.Close()
	refused, err := pipeline.Refuser(w.dir)
	if err != nil {
		return err
	}
	if _, err := g.refusalFaults(w.dir); err != nil {
		return err
	}
	o := browse.Options{
		Dir: w.dir, Settings: w.cfg, Address: listener.Addr().String(), Log: w.log,
		Refuse:  func(_ context.Context, r browse.Refusal) error { return pipeline.RefuseAddress(w.dir, r.ImageURL) },
		Refused: refused,
	}
	m := &meaning{w: w}
	defer m.close()
	if m.there() {
		o.Near = m.near
	}
	began := time.Now()
	page, err := browse.New(o)
	if err != nil {
		return err
	}
	defer page.Close()
	all, finished := page.Pairs()
	address := "http://" + o.Address + "/"
	if g.json {
		err = g.printJSON(struct {
			Address string  `json:"address"`
			Pairs   int     `json:"pairs"`
			Shards  int     `json:"pairs_in_shards"`
			Seconds float64 `json:"seconds"`
		}{address, all, finished, time.Since(began).Seconds()})
	} else {
		fmt.Fprintf(g.stdout, "%s pairs, %s of them in the shards: %s until Ctrl-C\n", pipeline.Grouped(int64(all)), pipeline.Grouped(int64(finished)), address)
	}
	if err != nil {
		return err
	}
	return serveUntil(ctx, listener, page)
}

// serveUntil answers until ctx ends, and returns when no request is under way.
func serveUntil(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 5 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("browse: %w", err)
	case <-ctx.Done():
	}
	err := server.Shutdown(context.WithoutCancel(ctx))
	if fault := <-served; !errors.Is(fault, http.ErrServerClosed) {
		err = errors.Join(err, fault)
	}
	return err
}

// meaning searches the vectors of the shards' pictures. Model and vectors are opened by
// the first search, and again when the vectors are others.
type meaning struct {
	w     *workspace
	mu    sync.Mutex // of what is below; the model answers one at a time
	stamp string     // of the files that are open
	model *evaluate.Embedder
	index *search.Index
}

// files are those of the vectors, and a stamp that changes when one is written.
func (m *meaning) files() (folder, stamp string) {
	folder = filepath.Join(m.w.path(shard.EmbeddingsFolder), search.Pictures)
	names, err := filepath.Glob(filepath.Join(folder, "*.arrow"))
	if err != nil {
		return folder, ""
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil { // one that is gone is another stamp
			stamp += fmt.Sprintln(name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return folder, stamp
}

// there tells whether there are vectors.
func (m *meaning) there() bool {
	_, stamp := m.files()
	return stamp != ""
}

func (m *meaning) open() (err error) {
	folder, stamp := m.files()
	if m.index != nil && stamp == m.stamp {
		return nil
	}
	m.close()
	if m.model, err = m.w.openModel(); err != nil {
		return err
	}
	m.stamp = stamp
	m.index, err = search.Open(m.model.Hash, folder)
	return err
}

func (m *meaning) near(ctx context.Context, q browse.Nearest) ([]browse.Near, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.open(); err != nil {
		return nil, err
	}
	vector := m.index.Vector(q.Pair)
	if q.Text != "" {
		var err error
		if vector, err = m.model.Texts(ctx, []string{q.Text}, 1); err != nil {
			return nil, err
		}
	}
	if vector == nil {
		return nil, fmt.Errorf("search by meaning: pair %s has no vector; run pairloom embed pictures: %w", shard.FormatPairID(q.Pair), fs.ErrNotExist)
	}
	dataset, err := shard.OpenDataset(m.w.path(shard.ShardsFolder))
	if err != nil {
		return nil, err
	}
	m.index.LeaveOut(dataset) // as it is now: pairs may have been removed since the last search
	hits, err := m.index.Top(ctx, vector, q.Most, m.w.cfg.Eval.Threads)
	if err != nil {
		return nil, err
	}
	near := make([]browse.Near, len(hits))
	for i, h := range hits {
		near[i] = browse.Near{PairID: h.ID, Score: h.Score}
	}
	return near, nil
}

func (m *meaning) close() {
	if m.index != nil {
		m.index.Close()
	}
	if m.model != nil {
		m.model.Close()
	}
	m.index, m.model = nil, nil
}
