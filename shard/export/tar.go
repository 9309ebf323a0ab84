package export

import (
	"archive/tar"
	"io"
	"time"
)

// tarWriter writes samples as WebDataset reads them: the members of one behind the other,
// picture, text, then all that is known as JSON. A member's time is that at which the
// pair was crawled, so that the bytes depend on the pair alone.
type tarWriter struct {
	columns []column
	out     *tar.Writer
	text    []byte
}

func newTar(w io.Writer, list []column) *tarWriter {
	return &tarWriter{columns: list, out: tar.NewWriter(w)}
}

func (w *tarWriter) write(batch []sample) error {
	for i := range batch {
		s := &batch[i]
		w.text = appendJSON(append(w.text[:0], s.Text...), w.columns, s)
		for _, member := range [...]struct {
			end  string
			data []byte
		}{{extension(s.Format), s.Image}, {"txt", w.text[:len(s.Text)]}, {"json", w.text[len(s.Text):]}} {
			err := w.out.WriteHeader(&tar.Header{
				Typeflag: tar.TypeReg, Name: s.key + "." + member.end, Size: int64(len(member.data)), Mode: 0o644,
				ModTime: time.Unix(max(0, min(s.CrawlTime, 1<<33-1)), 0), Format: tar.FormatUSTAR, // whose times have 33 bits
			})
			if err != nil {
				return err
			}
			if _, err := w.out.Write(member.data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *tarWriter) close() error { return w.out.Close() }
