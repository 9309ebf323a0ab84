package export

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Row is what finds a pair again, as a file of an export holds it.
type Row struct {
	PairID            uint64
	Text              string
	PageURL, ImageURL string
	PictureHash       uint64 // as in shard.Pair, as the next two
	PHash             uint64
	SHA256            string
	File              string // of the export
	Number            int64  // within the file, from 0
}

// ReadRecord reads what an export says of itself; nil where there is none.
func ReadRecord(ctx context.Context, to string) (*Record, error) {
	p, err := openPlace(ctx, to, false)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return readRecord(ctx, p)
}

// Walk reads all pairs of an export, from every file there that a reader of its format
// would take up, whether or not the record knows it. What a killed run left half written
// is an error, and so is a picture that no table names: who asks whether a pair is gone
// must not be told so too early. Of the format webdataset each pair comes twice, from the
// tar and from the table beside it. The row is reused: it lives until the next step.
func Walk(ctx context.Context, to string) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		p, err := openPlace(ctx, to, false)
		if err != nil {
			yield(nil, err)
			return
		}
		defer p.close()
		record, err := readRecord(ctx, p)
		if err == nil && record == nil {
			err = refused("%s holds no export: it has no %s", to, RecordName)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		w := &walking{ctx: ctx, place: p, layout: layoutOf(&record.Options), yield: yield}
		if err := w.all(); err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// errEnough tells that the caller has seen enough.
var errEnough = errors.New("enough")

type walking struct {
	ctx context.Context
	place
	layout layout
	yield  func(*Row, error) bool
	row    Row
}

func (w *walking) all() error {
	pictures := map[string]bool{} // of the present subfolder, that no table named yet
	for e, err := range w.list(w.ctx, "") {
		if err == nil {
			err = w.ctx.Err()
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.name, ".") {
			continue
		}
		if strings.HasSuffix(e.name, atomicfile.Suffix) || strings.HasPrefix(e.name, stage) {
			return fmt.Errorf("%s/%s was left by an export that was killed; run pairloom export again", w, e.name)
		}
		if !w.layout.takes(e.name) {
			continue
		}
		w.row = Row{File: e.name, Number: -1}
		switch end := path.Ext(e.name); {
		case end == ".tar":
			err = w.read(e.name, w.tar)
		case w.layout.format == Datasets:
			err = w.read(e.name, w.stream)
		case w.layout.format == Folder && end == ".jsonl":
			err = w.read(e.name, func(in input) error { return w.lines(e.name, in, pictures) })
		case w.layout.format == Folder:
			// The table of a subfolder may come before or after its pictures.
			if _, named := pictures[e.name]; named {
				delete(pictures, e.name)
			} else {
				pictures[e.name] = true
			}
			continue
		default:
			err = w.read(e.name, w.table)
		}
		if err != nil {
			return err
		}
	}
	var lost []string
	for name, there := range pictures {
		if there {
			lost = append(lost, name)
		}
	}
	if slices.Sort(lost); len(lost) > 0 {
		return fmt.Errorf("%s/%s is a picture that no %s names; run pairloom export again, or remove it", w, lost[0], tableName)
	}
	return nil
}

// read opens a file for a reader of a format, and names it in what goes wrong.
func (w *walking) read(name string, read func(input) error) (err error) {
	in, err := w.open(w.ctx, name)
	if err == nil {
		defer in.Close()
		err = recovered(func() error { return read(in) })
	}
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read %s/%s: %w", w, name, err)
	}
	return err
}

// recovered makes an error of a panic: the libraries have some on damaged files.
func recovered(f func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("it is damaged: %v", fault)
		}
	}()
	return f()
}

// next hands out the row.
func (w *walking) next() error {
	w.row.Number++
	if !w.yield(&w.row, nil) {
		return errEnough
	}
	return nil
}

// known are the columns of JSON that Walk reads.
type known struct {
	PairID      string `json:"pair_id"`
	FileName    string `json:"file_name"`
	Text        string `json:"text"`
	Caption     string `json:"caption"`
	PageURL     string `json:"page_url"`
	ImageURL    string `json:"image_url"`
	URL         string `json:"url"`
	PictureHash string `json:"picture_hash"`
	PHash       string `json:"phash"`
	SHA256      string `json:"sha256"`
}

func (w *walking) object(data []byte) (k known, err error) {
	if err := json.Unmarshal(data, &k); err != nil {
		return k, err
	}
	r := &w.row
	for _, id := range []struct {
		text string
		to   *uint64
	}{{k.PairID, &r.PairID}, {k.PictureHash, &r.PictureHash}, {k.PHash, &r.PHash}} {
		if *id.to, err = strconv.ParseUint(id.text, 16, 64); err != nil {
			return k, fmt.Errorf("row %d: %q is no id of 16 hexadecimal digits", r.Number+1, id.text)
		}
	}
	r.Text, r.ImageURL, r.PageURL, r.SHA256 = k.Text+k.Caption, k.ImageURL+k.URL, k.PageURL, k.SHA256
	return k, nil
}

// mostJSON bounds the JSON of a pair.
const mostJSON = 16 << 20

func (w *walking) tar(in input) error {
	t := tar.NewReader(in)
	samples, told := map[string]bool{}, int64(0)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		key, end, _ := strings.Cut(h.Name, ".")
		if samples[key] = true; end != "json" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(t, mostJSON))
		if err != nil {
			return err
		}
		if _, err := w.object(data); err != nil {
			return err
		}
		told++
		if err := w.next(); err != nil {
			return err
		}
	}
	if int64(len(samples)) != told {
		return fmt.Errorf("%d of its samples have no JSON that names them", int64(len(samples))-told)
	}
	return nil
}

func (w *walking) lines(name string, in input, pictures map[string]bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), mostJSON)
	for lines.Scan() {
		k, err := w.object(lines.Bytes())
		if err != nil {
			return err
		}
		picture := path.Join(path.Dir(name), k.FileName)
		if pictures[picture] {
			delete(pictures, picture)
		} else {
			pictures[picture] = false
		}
		if err := w.next(); err != nil {
			return err
		}
	}
	return lines.Err()
}
