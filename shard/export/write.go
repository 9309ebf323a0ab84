package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// writing is a file that is being written, summed on its way.
type writing struct {
	name string
	r    *running
	out  output
	buf  *bufio.Writer
	sum  xxhash.Digest
	n    int64
}

func (r *running) newFile(ctx context.Context, name string) (*writing, error) {
	out, err := r.create(ctx, name, false)
	if err != nil {
		return nil, faultAt(r, "write", name, err)
	}
	w := &writing{name: name, r: r, out: out}
	w.sum.Reset()
	w.buf = bufio.NewWriterSize(out, 1<<20)
	return w, nil
}

func (w *writing) Write(p []byte) (int, error) {
	n, err := w.buf.Write(p)
	w.sum.Write(p[:n])
	w.n += int64(n)
	return n, err
}

// fault ends the file, of which nothing appears.
func (w *writing) fault(err error) error {
	w.out.Discard()
	return faultAt(w.r, "write", w.name, err)
}

func (w *writing) commit(p *piece) (File, error) {
	err := w.buf.Flush()
	if err != nil {
		return File{}, w.fault(err)
	}
	if err := w.out.Commit(); err != nil {
		return File{}, faultAt(w.r, "write", w.name, err)
	}
	return File{Name: w.name, Split: p.split, Rows: p.live, Bytes: w.n, XXH64: fmt.Sprintf("%016x", w.sum.Sum64()), From: p.digest}, nil
}

// rowsWriter is a format of rows.
type rowsWriter interface {
	write(batch []sample) error
	close() error
}

// tables makes the files of a piece, under the given names.
func (r *running) tables(ctx context.Context, p *piece, names []string) (files []File, err error) {
	statsName := ""
	if r.o.Format == WebDataset { // the tar, the table beside it, and what is written after them
		names, statsName = names[:2], names[2]
	}
	var open []*writing
	defer func() {
		for _, w := range open {
			if err != nil {
				w.out.Discard()
			}
		}
	}()
	var writers []rowsWriter
	for _, name := range names {
		w, err := r.newFile(ctx, name)
		if err != nil {
			return nil, err
		}
		open = append(open, w)
		rows, err := r.rowsWriter(w, len(open) == 2)
		if err != nil {
			return nil, err
		}
		writers = append(writers, rows)
	}
	most := batchRows
	if r.o.Format == Datasets {
		most = streamRows
	}
	first, last := int64(-1), int64(0)
	for batch, err := range p.batches(ctx, r.Dataset, &r.o, most) {
		if err != nil {
			return nil, err
		}
		for i, w := range writers {
			if err := w.write(batch); err != nil {
				return nil, faultAt(r, "write", names[i], err)
			}
		}
		for i := range batch {
			if t := batch[i].CrawlTime; first < 0 || t < first {
				first = t
			}
			last = max(last, batch[i].CrawlTime)
		}
		r.advance(int64(len(batch)))
	}
	for i, w := range writers {
		if err := w.close(); err != nil {
			return nil, faultAt(r, "write", names[i], err)
		}
	}
	for len(open) > 0 {
		w := open[0]
		open = open[1:]
		f, err := w.commit(p)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if r.o.Format == WebDataset {
		f, err := r.stats(ctx, p, statsName, max(first, 0), last)
		return append(files, f), err
	}
	return files, nil
}

func (r *running) rowsWriter(w io.Writer, beside bool) (rowsWriter, error) {
	switch {
	case r.o.Format == WebDataset && !beside:
		return newTar(w, r.columns), nil
	case r.o.Format == Datasets:
		return newStream(w, r.columns), nil
	}
	return newTable(w, r.columns)
}

// stats are what img2dataset says of a shard; its times are those of the crawl.
func (r *running) stats(ctx context.Context, p *piece, name string, first, last int64) (File, error) {
	data, err := json.MarshalIndent(new(members).
		add("count", p.live).add("successes", p.live).add("failed_to_download", 0).add("failed_to_resize", 0).
		add("duration", last-first).add("start_time", first).add("end_time", last).
		add("status_dict", map[string]int64{"success": p.live}), "", "    ")
	if err == nil {
		err = writeFile(ctx, r, name, data)
	}
	f := extra{name, data}.file()
	f.Split, f.Rows, f.From = p.split, p.live, p.digest
	return f, faultAt(r, "write", name, err)
}

// tableName is the file of a subfolder that Hugging Face's imagefolder reads.
const tableName = "metadata.jsonl"

// folder makes a subfolder: its table in _new/, which tells what is an export's whatever
// becomes of the run, then its pictures, named after their pairs so that none takes
// another's place; last the table gets the given name, where that is another.
func (r *running) folder(ctx context.Context, p *piece, name string) (File, error) {
	unit := r.layout.names(p)[0]
	f := File{Name: name, Split: p.split, Rows: p.live, From: p.digest, Members: 1}
	var table []byte
	facts := r.o
	facts.Pictures = false
	for batch, err := range p.batches(ctx, r.Dataset, &facts, batchRows) {
		if err != nil {
			return f, err
		}
		for i := range batch {
			s := &batch[i]
			table = append(appendText(append(table, `{"file_name":`...), pictureName(s)), ',')
			start := len(table)
			table = appendJSON(table, r.columns, s)
			table = append(slices.Delete(table, start, start+1), '\n') // its brace
		}
	}
	x := extra{stage + unit + "/" + tableName, table}
	if err := writeFile(ctx, r, x.name, table); err != nil {
		return f, faultAt(r, "write", x.name, err)
	}
	for batch, err := range p.batches(ctx, r.Dataset, &r.o, batchRows) {
		if err != nil {
			return f, err
		}
		for i := range batch {
			picture := unit + "/" + pictureName(&batch[i])
			if err := r.picture(ctx, picture, batch[i].Image); err != nil {
				return f, faultAt(r, "write", picture, err)
			}
			f.Members++
			f.Bytes += int64(len(batch[i].Image))
		}
		r.advance(int64(len(batch)))
	}
	if err := r.sync(); err != nil {
		return f, faultAt(r, "write", unit, err)
	}
	if name == unit {
		if err := r.move(ctx, x.name, unit+"/"+tableName); err != nil {
			return f, faultAt(r, "write", unit+"/"+tableName, err)
		}
	}
	f.XXH64 = x.file().XXH64
	f.Bytes += int64(len(table))
	return f, nil
}

func (r *running) picture(ctx context.Context, name string, data []byte) error {
	out, err := r.create(ctx, name, true)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		out.Discard()
		return err
	}
	return out.Commit()
}

// sumOf reads a file of the record: its sum.
func (r *running) sumOf(ctx context.Context, f File) (string, error) {
	name := f.Name
	if f.Members > 0 {
		name += "/" + tableName
	}
	in, err := r.open(ctx, name)
	if err != nil {
		return "", faultAt(r, "read", name, err)
	}
	defer in.Close()
	sum := xxhash.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", faultAt(r, "read", name, err)
	}
	return fmt.Sprintf("%016x", sum.Sum64()), nil
}
