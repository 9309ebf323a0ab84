package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/search"
)

// embeddings looks for vectors of pairs that are refused. Vectors of shards that are no
// more may be of pairs of which nothing is known any more, so that they are unknown.
func (s *looking) embeddings() error {
	root := filepath.Join(s.Dir, shard.EmbeddingsFolder)
	parts := map[string]string{} // name to sum
	if m, err := shard.ReadManifestAlone(filepath.Join(s.Dir, shard.ShardsFolder)); err == nil {
		for _, p := range m.Parts {
			parts[p.Name] = p.XXH64
		}
	}
	return s.place(shard.EmbeddingsFolder, "vectors", "delete the files and run pairloom embed", func(p *Place) error {
		paths, err := arrowFilesBelow(root)
		if err != nil {
			return err
		}
		var stale []string
		for _, path := range paths {
			e, err := shard.OpenEmbeddings(path)
			if err != nil {
				return err
			}
			folder := filepath.Base(filepath.Dir(path))
			if (folder == search.Pictures || folder == search.Texts) && parts[e.Origin.Source] != e.Origin.Input {
				stale = append(stale, folder+"/"+filepath.Base(path))
			}
			for i := range e.Batches {
				for _, id := range e.Batches[i].IDs {
					p.Looked++
					by, refused := s.List.Refuses(&refusal.Facts{PairID: id})
					if !refused {
						by, refused = s.pairs[id]
					}
					if refused {
						p.found("pair "+shard.FormatPairID(id), by)
					}
				}
			}
			e.Close()
			if err := s.ctx.Err(); err != nil {
				return err
			}
		}
		if len(stale) > 0 {
			if p.Found == 0 {
				p.State = PlaceUnknown
			}
			p.Note = fmt.Sprintf("%d files are of shards that are no more, so that it is not known of which pairs, the first: %s", len(stale), stale[0])
		}
		return nil
	})
}

// mostText bounds the pages and tables that are looked through.
const mostText = 1 << 30

// pages looks through the files that people read: report, evaluation, dry run, and the
// tables beside the selection.
func (s *looking) pages() error {
	for _, f := range []struct{ folder, cure string }{
		{shard.ReportFolder, "run pairloom report"},
		{shard.EvaluationFolder, "run pairloom eval"},
		{shard.DryRunFolder, "delete the folder, or run pairloom curate --dry-run"},
		{shard.SelectionFolder, "run pairloom curate"},
	} {
		folder := filepath.Join(s.Dir, f.folder)
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		name := f.folder
		if name == shard.SelectionFolder {
			name += " (tables)"
		}
		err = s.place(name, "files", f.cure, func(p *Place) error {
			if err != nil {
				return err
			}
			for _, e := range entries {
				if e.IsDir() || strings.HasSuffix(e.Name(), ".arrow") || e.Name() == shard.ManifestName {
					continue
				}
				info, err := e.Info()
				if err != nil {
					return err
				}
				if info.Size() > mostText {
					return fmt.Errorf("%s has %d bytes, too many to look through", e.Name(), info.Size())
				}
				data, err := os.ReadFile(filepath.Join(folder, e.Name()))
				if err != nil {
					return err
				}
				p.Looked++
				s.text(p, e.Name(), data)
				if why := s.untoldPage(f.folder, e.Name(), data); why != "" {
					p.Note = why
				}
			}
			if p.Note != "" && p.Found == 0 {
				p.State = PlaceUnknown
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// text looks for addresses and ids that are refused in a file.
func (s *looking) text(p *Place, name string, data []byte) {
	switch filepath.Ext(name) {
	case ".json":
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		for {
			token, err := d.Token()
			if err != nil {
				return
			}
			if text, ok := token.(string); ok {
				s.words(p, name, text)
			}
		}
	case ".html":
		s.words(p, name, html.UnescapeString(string(data)))
	default:
		s.words(p, name, string(data))
	}
}

// words are those of a text: addresses, and numbers of 16 hexadecimal digits.
func (s *looking) words(p *Place, name, text string) {
	for rest := text; ; {
		i := strings.Index(rest, "://")
		if i < 0 {
			break
		}
		start := i
		for start > 0 && (rest[start-1]|0x20 >= 'a' && rest[start-1]|0x20 <= 'z') {
			start--
		}
		end := i + 3
		for end < len(rest) && !strings.ContainsRune(" \t\r\n\"'<>`\\^{}|", rune(rest[end])) {
			end++
		}
		address := rest[start:end]
		rest = rest[end:]
		for _, a := range []string{address, strings.TrimRight(address, ".,;:)]")} {
			if e, refused := s.List.RefusesAddress(a); refused {
				p.found(name+": "+a, e)
				break
			}
		}
	}
	digits := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && isHexDigit(text[i]) {
			digits++
			continue
		}
		if digits == 16 && (i == len(text) || !letterOrDigit(text[i])) && (i == 16 || !letterOrDigit(text[i-17])) {
			if id, err := strconv.ParseUint(text[i-16:i], 16, 64); err == nil {
				e, refused := s.List.Refuses(&refusal.Facts{PairID: id, PictureHash: id})
				if !refused {
					e, refused = s.pairs[id]
				}
				if refused {
					p.found(name+": "+text[i-16:i], e)
				}
			}
		}
		digits = 0
	}
}

func isHexDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func letterOrDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// warc looks into the pages that a crawl keeps.
func (s *looking) warc() error {
	folder := filepath.Join(s.Dir, shard.WARCFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // few crawls keep them
	}
	if err != nil {
		return err
	}
	return s.place(shard.WARCFolder, "records", "run pairloom remove --compact, or delete the files", func(p *Place) error {
		pages, err := newWARCPages(s.List, s.Options.Gate.UserAgent)
		if err != nil {
			return err
		}
		defer pages.close()
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			broken, err := pages.each(s.ctx, filepath.Join(folder, e.Name()), func(_ int64, _, refused string, by refusal.Entry) {
				if p.Looked++; refused != "" {
					p.found(e.Name()+": "+refused, by)
				}
			})
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name(), err)
			}
			if broken > 0 {
				p.State, p.Note = PlaceUnknown, fmt.Sprintf("%d stretches of %s cannot be read", broken, e.Name())
			}
		}
		return nil
	})
}
