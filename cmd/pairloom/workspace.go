package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// workspace is one dataset's folder with its configuration.
type workspace struct {
	dir string
	cfg *config.Config
	log *slog.Logger
	now func() time.Time
	// lock is the folder's; nil of a command that only reads. outcome is what it
	// tells of a command that ends well but before its end.
	lock    *pipeline.Lock
	outcome string
}

// openWorkspace reads the configuration of dir.
func openWorkspace(dir string, log *slog.Logger) (*workspace, error) {
	cfg, err := config.Load(filepath.Join(dir, config.FileName))
	return newWorkspace(dir, log, cfg, err)
}

// bareWorkspace is a folder without a configuration: each key has its default.
func bareWorkspace(dir string, log *slog.Logger) (*workspace, error) {
	cfg, err := config.Defaults()
	return newWorkspace(dir, log, cfg, err)
}

func newWorkspace(dir string, log *slog.Logger, cfg *config.Config, err error) (*workspace, error) {
	if err != nil {
		return nil, &exitError{exitConfiguration, err}
	}
	now, err := clock()
	if err != nil {
		return nil, &exitError{exitConfiguration, err}
	}
	return &workspace{dir: dir, cfg: cfg, log: log, now: now}, nil
}

// clock is the source of all recorded times: the present, or the moment that
// SOURCE_DATE_EPOCH names (reproducible-builds.org), so that two crawls of an
// unchanged site give the same bytes.
func clock() (func() time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH %q is not a number of seconds", epoch)
	}
	return func() time.Time { return time.Unix(seconds, 0).UTC() }, nil
}

func (w *workspace) path(name string) string { return filepath.Join(w.dir, name) }

// work is what the road is made with; training tells p its steps.
func (w *workspace) work(p *stageProgress) (pipeline.Work, error) {
	child, err := pictureChild()
	if err != nil {
		return pipeline.Work{}, err
	}
	return pipeline.Work{
		Dir: w.dir, Options: *w.cfg, Now: w.now, Version: version, PictureChild: child, Log: w.log, Step: p.step,
	}, nil
}

// road is the stages, for commands that run none of them.
func (w *workspace) road() ([]pipeline.Stage, error) {
	work, err := w.work(nil)
	return pipeline.Road(work), err
}

// pictureChild is the command line of a child that decodes pictures: this
// program.
func pictureChild() ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start children: %w", err)
	}
	return []string{program, pictureChildCommand}, nil
}

// newPictureConverter starts that many children, 0 for one a processor, that make
// JPEGs of any pictures.
func newPictureConverter(children int) (*pipeline.PictureConverter, error) {
	child, err := pictureChild()
	if err != nil {
		return nil, err
	}
	if children == 0 {
		children = runtime.GOMAXPROCS(0)
	}
	return pipeline.NewPictureConverter(child, children)
}

// withoutShards adds to the error of a command that found no shards what there is to do in
// a folder that trains on other data alone.
func (w *workspace) withoutShards(err error) error {
	if !errors.Is(err, shard.ErrUnfinished) || len(w.cfg.Train.Data) == 0 {
		return err
	}
	if _, missing := os.Stat(w.path(shard.ShardsFolder)); !errors.Is(missing, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w; this folder trains on train.data alone, and has no pairs of its own to go through: pairloom embed takes a folder of pictures or a file of texts instead, classify any picture, and export model what others evaluate", err)
}

// withWorkspace opens the folder, takes its lock and gives both back.
func (g *global) withWorkspace(ctx context.Context, command string, f func(*workspace) error) error {
	w, err := openWorkspace(g.dir, g.logger())
	if err != nil {
		return err
	}
	return g.locked(ctx, command, w, f)
}

// locked does so with a folder that is open.
func (g *global) locked(ctx context.Context, command string, w *workspace, f func(*workspace) error) error {
	lock, err := pipeline.Acquire(w.dir, command)
	if err != nil {
		return err
	}
	defer lock.Release()
	w.lock, g.lock = lock, lock
	err = pipeline.Stopped(ctx, f(w))
	if err != nil {
		w.outcome = err.Error()
	}
	lock.End(w.outcome, exitCode(err))
	return err
}
