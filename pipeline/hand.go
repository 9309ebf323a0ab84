package pipeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// Files beside the parts of the images folder, which no manifest names: the answers
// that are in hand, and when pictures of a part were asked for since it was written.

// handName is file i of answers that belong to no part yet. A run writes one when it is
// stopped, now and then, and when they take much memory; the next run takes from them
// what it would otherwise ask for, so that the parts are those of a run that was never
// stopped. Each has the answers since the one before.
func handName(i int) string { return fmt.Sprintf("hand-%05d.arrow", i) }

// oldHandName is the only such file of versions up to 0.2.
const oldHandName = "hand.arrow"

// hand are the answers that belong to no part yet: those of this run in memory until
// they are saved, and those that are on the disk.
type hand struct {
	folder string
	origin shard.Origin
	next   int                  // number of the next file
	files  map[string]*handFile // by name
	left   map[uint64]leftRow   // by picture, what the last run left and no question took
	fresh  []*held              // answers that are not saved
	bytes  int64                // of the pictures in fresh
	saved  time.Time
}

// handFile is one file.
type handFile struct {
	name   string
	reader *shard.PartReader[shard.Image]
	rows   int // that are needed
	row    shard.Image
}

// handRow is an answer: in memory, or a row of a file.
type handRow struct {
	*held
	status string
}

// leftRow is an answer of the last run and what decides whether it still holds.
type leftRow struct {
	handRow
	facts shard.Image
}

// held is where an answer is.
type held struct {
	row  *shard.Image // nil when it is in file
	file *handFile
	at   int
}

// there tells whether there is an answer.
func (r *handRow) there() bool { return r.held != nil }

// image is the answer; one of a file lives until the next of that file is read.
func (r *handRow) image() (*shard.Image, error) {
	switch {
	case r.held == nil:
		return nil, nil
	case r.row != nil:
		return r.row, nil
	}
	err := r.file.reader.Read(r.at, &r.file.row)
	return &r.file.row, err
}

// handFiles lists the names of the files of answers in folder, the oldest first.
func handFiles(folder string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "hand*.arrow"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		name := filepath.Base(path)
		if _, ok := handNumber(name); ok || name == oldHandName {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return names, nil
}

// handNumber is the i of handName; false for other names.
func handNumber(name string) (i int, ok bool) {
	digits, ok := strings.CutPrefix(name, "hand-")
	if !ok {
		return 0, false
	}
	return partNumber("part-" + digits)
}

// openHand reads which answers are in folder. What is of other settings or cannot be
// read is left out: it costs no more than asking. Of two answers the later counts.
func openHand(folder string, origin shard.Origin, now time.Time) (*hand, error) {
	h := &hand{folder: folder, origin: origin, files: map[string]*handFile{}, left: map[uint64]leftRow{}, saved: now}
	names, err := handFiles(folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if i, ok := handNumber(name); ok {
			h.next = i + 1
		}
		if err := h.open(name); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

func (h *hand) open(name string) error {
	part, ok, err := shard.Recover[shard.Image](h.folder, name, h.origin)
	if err != nil || !ok {
		return err
	}
	file := &handFile{name: name}
	if file.reader, err = shard.OpenPart[shard.Image](h.folder, part); err != nil {
		return err
	}
	h.files[name] = file
	for i := range file.reader.Len() {
		if err := file.reader.Read(i, &file.row); err != nil {
			return err
		}
		if last, ok := h.left[file.row.ImageID]; ok {
			last.file.rows--
		}
		facts := file.row
		facts.Bytes = nil
		if facts, err = ownImage(&facts); err != nil {
			return err
		}
		h.left[facts.ImageID] = leftRow{handRow{&held{file: file, at: i}, facts.Status}, facts}
		file.rows++
	}
	return nil
}

// take gives out the answer that the last run left for a picture, where it still holds.
func (h *hand) take(id uint64, holds func(*shard.Image) bool) (handRow, bool) {
	r, ok := h.left[id]
	if !ok || !holds(&r.facts) {
		return handRow{}, false
	}
	delete(h.left, id)
	return r.handRow, true
}

// add keeps an answer of this run.
func (h *hand) add(row *shard.Image) handRow {
	if len(h.fresh) == cap(h.fresh) {
		h.fresh = slices.DeleteFunc(h.fresh, func(r *held) bool { return r.row == nil })
	}
	own := *row
	r := &held{row: &own}
	h.fresh = append(h.fresh, r)
	h.bytes += int64(len(own.Bytes))
	return handRow{r, own.Status}
}

// drop lets go of an answer that is in a part, and of a file with the last of its answers.
func (h *hand) drop(r *handRow) error {
	if r.row != nil {
		h.bytes -= int64(len(r.row.Bytes))
		r.row = nil // also in fresh
		return nil
	}
	if r.file.rows--; r.file.rows > 0 {
		return nil
	}
	r.file.reader.Close()
	delete(h.files, r.file.name)
	return unlink(h.folder, r.file.name)
}

// save writes what is in memory to a file.
func (h *hand) save(now time.Time) error {
	h.saved = now
	var rows []*shard.Image
	var saved []*held
	for _, r := range h.fresh {
		if r.row != nil {
			rows, saved = append(rows, r.row), append(saved, r)
		}
	}
	h.fresh, h.bytes = nil, 0
	if rows == nil {
		return nil
	}
	file := &handFile{name: handName(h.next), rows: len(rows)}
	part, err := writeImages(h.folder, file.name, h.origin, rows)
	if err != nil {
		return err
	}
	h.next++
	if file.reader, err = shard.OpenPart[shard.Image](h.folder, part); err != nil {
		return err
	}
	h.files[file.name] = file
	for i, r := range saved {
		r.row, r.file, r.at = nil, file, i
	}
	return nil
}

// holds tells whether the file has answers that may be needed.
func (h *hand) holds(name string) bool { return h.files[name] != nil }

func (h *hand) close() {
	for _, file := range h.files {
		file.reader.Close()
	}
}

// ownImage is a copy that outlives the step of a walk.
func ownImage(i *shard.Image) (own shard.Image, err error) {
	_, err = shard.ReadRow(shard.AppendRow(nil, i), &own)
	return own, err
}

// writeImages writes rows as one file, whole or not at all.
func writeImages(folder, name string, origin shard.Origin, rows []*shard.Image) (shard.Part, error) {
	w, err := shard.CreatePart[shard.Image](folder, name, origin)
	if err != nil {
		return shard.Part{}, err
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			w.Discard()
			return shard.Part{}, err
		}
	}
	return w.Close()
}

// shutName is the file of the hosts that asked to be left alone for longer than a run
// waits. What they asked for holds for the next run too.
const shutName = "shut.json"

// leaveAlone has g keep what hosts asked of earlier runs. A file that cannot be read
// counts as none: they will say so again.
func leaveAlone(g *gate.Gate, folder string) {
	data, err := os.ReadFile(filepath.Join(folder, shutName))
	hosts := map[string]gate.Shut{}
	if err == nil && json.Unmarshal(data, &hosts) == nil {
		g.LeaveAlone(hosts)
	}
}

// keepShut notes which hosts asked g to be left alone.
func keepShut(g *gate.Gate, folder string) error {
	hosts := g.Shut()
	if len(hosts) == 0 {
		return unlink(folder, shutName)
	}
	data, err := json.MarshalIndent(hosts, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(folder, shutName), append(data, '\n'))
}

// visitsName is the file that says when pictures of part i were last asked for, where
// the answer left the part as it is. Of a row it has the id, when it was asked for,
// how often that failed in a row, how it failed the last time, and what the next
// request is to say.
func visitsName(i int) string { return fmt.Sprintf("visits-%05d.arrow", i) }

// visitsNumber is the i of visitsName; false for other names.
func visitsNumber(name string) (i int, ok bool) {
	digits, ok := strings.CutPrefix(name, "visits-")
	if !ok {
		return 0, false
	}
	return partNumber("part-" + digits)
}

// visits are the rows of such a file, by picture.
type visits map[uint64]shard.Image

// readVisits reads those of part i; there need not be any.
func readVisits(folder string, i int) (visits, error) {
	r, err := shard.OpenFile[shard.Image](filepath.Join(folder, visitsName(i)))
	if err != nil {
		if !exists(filepath.Join(folder, visitsName(i))) {
			return nil, nil
		}
		return nil, err
	}
	defer r.Close()
	v := visits{}
	var row shard.Image
	for n := range r.Len() {
		if err := r.Read(n, &row); err != nil {
			return nil, err
		}
		own, err := ownImage(&row)
		if err != nil {
			return nil, err
		}
		v[own.ImageID] = own
	}
	return v, nil
}

// over lays the last visit over a row of the part and tells whether there is one
// that the row does not know of.
func (v visits) over(row *shard.Image) bool {
	last, ok := v[row.ImageID]
	if !ok || last.FetchTime < row.FetchTime || last.FetchTime == row.FetchTime && last.Tries == row.Tries {
		return false
	}
	row.FetchTime, row.Tries, row.ETag, row.LastModified = last.FetchTime, last.Tries, last.ETag, last.LastModified
	return true
}

// visit is the row of the visits file for a picture whose row stays; answer is what
// came of asking.
func visit(row, answer *shard.Image) shard.Image {
	return shard.Image{
		ImageID: row.ImageID, Status: answer.Status, Detail: answer.Detail, HTTPStatus: answer.HTTPStatus,
		ETag: row.ETag, LastModified: row.LastModified, FetchTime: row.FetchTime, Tries: row.Tries, Setting: answer.Setting,
	}
}

// unlink removes files of folder, those that are not there too.
func unlink(folder string, names ...string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what is done with: %w", err)
		}
	}
	return nil
}
