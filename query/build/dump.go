package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// countsVersion names the way of counting; finished counts of another are not
// used again.
const countsVersion = "1"

// DumpTally is what became of the pages of a dump.
type DumpTally struct {
	SHA256    string           `json:"sha256"`
	Pages     int64            `json:"pages"`
	Kept      int64            `json:"kept"`
	Dropped   map[string]int64 `json:"dropped,omitempty"`
	Words     int64            `json:"words"`
	TextBytes int64            `json:"text_bytes"` // markup of the pages kept
}

// hashFile is the sha256 of a file; report, where given, is told how far it is.
func hashFile(ctx context.Context, path string, report func(done, total int64)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open source: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("open source: %w", err)
	}
	h := sha256.New()
	for done := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := io.CopyN(h, f, 16<<20)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
		done += n
		if report != nil {
			report(done, info.Size())
		}
	}
}

// counted is where the finished counts of a dump lie.
type counted struct {
	words, phrases string
	tally          DumpTally
}

// countDump counts the words and phrases of a dump, or finds that it was done.
func countDump(ctx context.Context, path string, o *Options) (*counted, error) {
	sum, err := hashFile(ctx, path, func(done, total int64) { o.progress("hash "+filepath.Base(path), done, total) })
	if err != nil {
		return nil, err
	}
	base := filepath.Join(o.Temp, sum+"-v"+countsVersion)
	c := &counted{words: base + ".words.zst", phrases: base + ".phrases.zst"}
	data, err := os.ReadFile(base + ".json")
	if err == nil && json.Unmarshal(data, &c.tally) == nil {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	s := newSpill(o.Temp, o.Memory/5)
	defer s.close()
	tally, err := countPages(ctx, f, s, o, func(read int64) { o.progress("count "+filepath.Base(path), read, info.Size()) })
	if err != nil {
		return nil, err
	}
	runtime.GC() // the tables are free from here on
	if err := writeCounts(c.words, summed(s.words)); err != nil {
		return nil, err
	}
	if err := writeCounts(c.phrases, summed(s.phrases)); err != nil {
		return nil, err
	}
	tally.SHA256 = sum
	c.tally = *tally
	if data, err = json.Marshal(tally); err != nil {
		return nil, fmt.Errorf("write counts: %w", err)
	}
	// The tally comes last: while it is missing, the dump is counted again.
	return c, atomicfile.WriteFile(base+".json", data)
}

// countPages reads the dump once. A quarter of the memory is the workers' tables;
// the rest is left for sorting, for pages under way, and for the collector.
func countPages(ctx context.Context, f *os.File, s *spill, o *Options, progress func(read int64)) (*DumpTally, error) {
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan []byte, o.Workers)
	total := &DumpTally{Dropped: map[string]int64{}}
	var mu sync.Mutex
	g.Go(func() error {
		defer close(batches)
		split := &splitter{name: f.Name()}
		err := readDump(ctx, f, o.Workers, func(data []byte, read int64) error {
			progress(read)
			return split.add(data, func(pages []byte) error {
				select {
				case batches <- pages:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
		if err != nil {
			return err
		}
		return split.end()
	})
	for range o.Workers {
		g.Go(func() error {
			w := pageCounter{table: newTable(o.Memory/4/o.Workers, s), tally: DumpTally{Dropped: map[string]int64{}}}
			for batch := range batches {
				if err := w.count(batch); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.Pages += w.tally.Pages
			total.Kept += w.tally.Kept
			total.TextBytes += w.tally.TextBytes
			total.Words += w.table.total
			for reason, n := range w.tally.Dropped {
				total.Dropped[reason] += n
			}
			return w.table.flush()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	maps.DeleteFunc(total.Dropped, func(_ string, n int64) bool { return n == 0 })
	return total, nil
}

// pageCounter is one worker.
type pageCounter struct {
	parser parser
	table  *table
	tally  DumpTally
	markup []byte
}

// count counts a batch of whole pages.
func (w *pageCounter) count(batch []byte) error {
	for {
		end := bytes.Index(batch, pageClose)
		if end < 0 {
			return nil
		}
		page := batch[:end]
		batch = batch[end+len(pageClose):]
		if open := bytes.Index(page, pageOpen); open >= 0 {
			page = page[open:]
		}
		w.tally.Pages++
		var drop string
		w.markup, drop = pageText(w.markup[:0], page)
		if drop != "" {
			w.tally.Dropped[drop]++
			continue
		}
		w.tally.Kept++
		w.tally.TextBytes += int64(len(w.markup))
		text := w.parser.Text(w.markup)
		for len(text) > 0 {
			line := text
			if i := bytes.IndexByte(text, '\n'); i >= 0 {
				line, text = text[:i], text[i+1:]
			} else {
				text = nil
			}
			if err := w.table.add(line); err != nil {
				return err
			}
		}
	}
}
