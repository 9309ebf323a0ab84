package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/shard"
)

// crawled checks the file in which the crawl keeps its pages, by the means of
// SQLite, which has no sums: a change that leaves its structure whole is not
// seen.
func (v *verification) crawled(ctx context.Context) error {
	path := crawl.File(v.Dir)
	f := v.check(filepath.Base(path), CrawlName)
	info, err := os.Stat(path)
	if err == nil {
		f.out.Files, f.out.Bytes = 1, info.Size()
		err = frontier.Check(ctx, path)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var damaged *shard.DamagedPart
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.out.State = FolderAbsent
	case errors.As(err, &damaged):
		f.fault("", damaged.Cause, damaged.Cure)
	case errors.Is(err, fs.ErrPermission):
		f.fault("", err.Error(), unreadable)
	case err != nil:
		return fmt.Errorf("verify %s: %w", path, err)
	default:
		f.checked("structure")
	}
	return nil
}
