package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// evaluationEntry is a picture of an evaluation set with its texts; either may lack.
type evaluationEntry struct {
	name    string
	picture []byte
	texts   []string
}

// evaluationSets are the pictures and texts that no pair may have. Of each entry it has
// the name in memory and, of pictures, about 200 bytes of hashes; the rest is on disk.
type evaluationSets struct {
	options dedup.AgainstOptions
	images  string // folder
	parts   map[uint32]shard.Part
	pool    *picture.Pool
	workers int
	thumbs  *thumbFile

	each   []stats.OverlapSet // in the order in which they are named
	ends   []int              // of each set: the number of the first entry behind it
	names  []string
	places []int // of each name's thumb, -1 where there is none
	index  *lookalike.Index
	owners []uint32       // of each thumb: the first entry that has it
	texts  *extsort.Spool // number of the entry, and folded text
	left   *shard.Tally   // evaluation pictures, and what of them is none
}

// openEvaluationSets reads the sets, and keeps what the next run need not look at
// again; nil where none is asked for.
func (c Curate) openEvaluationSets(ctx context.Context, images *shard.Manifest) (*evaluationSets, error) {
	e, err := c.readEvaluationSets(ctx, images)
	if e == nil || err != nil {
		return nil, err
	}
	if err := e.thumbs.save(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// readEvaluationSets is openEvaluationSets for who leaves nothing in the folder.
func (c Curate) readEvaluationSets(ctx context.Context, images *shard.Manifest) (*evaluationSets, error) {
	if len(c.Dedup.Against) == 0 {
		return nil, nil
	}
	pool, err := picture.NewPool(c.PictureChild, c.Workers, picture.PoolOptions{})
	if err != nil {
		return nil, err
	}
	e := &evaluationSets{
		options: c.Dedup.AgainstOptions, images: filepath.Join(c.Dir, shard.ImagesFolder), parts: map[uint32]shard.Part{},
		pool: pool, workers: max(c.Workers, 1), texts: extsort.NewSpool(c.Dir, 1<<20), left: shard.NewTally(CurateName, "pictures", "pictures"),
	}
	for _, part := range images.Parts {
		if number, ok := partNumber(part.Name); ok {
			e.parts[uint32(number)] = part
		}
	}
	if e.thumbs, err = openThumbs(c.Dir); err == nil {
		err = e.read(ctx, c.Dir)
	}
	if err == nil {
		err = e.makeIndex()
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close ends the children and frees temporary files.
func (e *evaluationSets) Close() {
	e.pool.Close()
	e.texts.Close()
	if e.thumbs != nil {
		e.thumbs.Close()
	}
}

// heldTexts are the texts that no pair may have; nil where there are none.
func (e *evaluationSets) heldTexts() *extsort.Spool {
	if e == nil || e.texts.Len() == 0 {
		return nil
	}
	return e.texts
}

// name is that of an entry.
func (e *evaluationSets) name(number uint64) string { return e.names[number] }

// read takes in all sets, some pictures at once.
func (e *evaluationSets) read(ctx context.Context, dir string) error {
	const together = 64
	var batch []evaluationEntry
	flush := func() error {
		err := e.add(ctx, batch)
		batch = batch[:0]
		return err
	}
	for _, set := range e.options.Against {
		path, err := evaluationPath(dir, set)
		if err != nil {
			return err
		}
		pictures, texts, first, short := e.left.Kept, e.texts.Len(), len(e.names), 0
		err = eachEvaluationEntry(path, func(entry evaluationEntry) error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			for _, text := range entry.texts {
				if strings.TrimSpace(text) != "" && !e.holds(fold.Text(text)) {
					short++
				}
			}
			entry.picture = bytes.Clone(entry.picture)
			if batch = append(batch, entry); len(batch) < together {
				return nil
			}
			return flush()
		})
		if err != nil {
			return configurationError("dedup.against: %s (%s): %w", set, path, err)
		}
		if err := flush(); err != nil {
			return err
		}
		if e.left.Kept == pictures && e.texts.Len() == texts {
			return configurationError("dedup.against: %s (%s) holds nothing to hold pairs against: %d files or rows that have no picture, and %d texts that are not asked for (fewer than against_text_words %d words, or against_text_similarity is 0); name a folder of pictures, a Parquet file or a pairloom dataset with shards", set, path, len(e.names)-first, short, e.options.AgainstTextWords)
		}
		e.each = append(e.each, stats.OverlapSet{Set: set, Pictures: e.left.Kept - pictures, Texts: e.texts.Len() - texts})
		e.ends = append(e.ends, len(e.names))
	}
	return nil
}

// holds tells whether pairs are held against a folded text.
func (e *evaluationSets) holds(folded string) bool {
	return e.options.AgainstTextSimilarity > 0 && len(strings.Fields(folded)) >= e.options.AgainstTextWords
}

// add takes in some entries. What is no picture is counted by its reason.
func (e *evaluationSets) add(ctx context.Context, batch []evaluationEntry) error {
	type look struct {
		thumb
		reason string
	}
	looks := make([]look, len(batch))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.workers)
	for i, entry := range batch {
		if len(entry.picture) == 0 {
			continue
		}
		looks[i].content = xxhash.Sum64(entry.picture)
		if e.thumbs.has(looks[i].content) {
			continue
		}
		group.Go(func() (err error) {
			looks[i].hash, looks[i].grey, looks[i].reason, err = lookAt(ctx, e.pool, entry.picture)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, entry := range batch {
		place := -1
		switch {
		case len(entry.picture) == 0:
		case looks[i].reason != "":
			e.left.Drop(looks[i].reason)
		default:
			e.left.Keep()
			var err error
			if place, err = e.thumbs.add(&looks[i].thumb); err != nil {
				return err
			}
		}
		number := len(e.names)
		e.names, e.places = append(e.names, entry.name), append(e.places, place)
		if place == len(e.owners) {
			e.owners = append(e.owners, uint32(number))
		}
		for _, text := range entry.texts {
			if folded := fold.Text(text); e.holds(folded) {
				if err := e.texts.Add(binary.BigEndian.AppendUint64(nil, uint64(number)), []byte(folded)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lookAt decodes a picture in a child process.
func lookAt(ctx context.Context, pool *picture.Pool, data []byte) (hash uint64, grey lookalike.Thumb, reason string, err error) {
	r, err := pool.Process(ctx, data)
	if err != nil || r.Reason != "" {
		return 0, grey, r.Reason, err
	}
	img, err := jpeg.Decode(bytes.NewReader(r.Bytes))
	if err != nil {
		return 0, grey, "", fmt.Errorf("decode what the picture child wrote: %w", err)
	}
	return r.PHash, lookalike.ThumbOf(img), "", nil
}

// makeIndex hashes the windows of all thumbs.
func (e *evaluationSets) makeIndex() error {
	hashes := make([]uint64, 0, e.thumbs.len()*len(lookalike.Windows))
	for i := range e.thumbs.len() {
		t, err := e.thumbs.read(i)
		if err != nil {
			return err
		}
		hashes = append(hashes, t.hash)
		for _, w := range lookalike.Windows[1:] {
			g := t.grey.Grid(w)
			hashes = append(hashes, picture.HashGrid(&g))
		}
	}
	e.index = lookalike.NewIndex(hashes, e.options.AgainstDistance)
	return nil
}

// see tells which evaluation picture a pair's picture is like: the one that correlates
// best of those whose hashes are near.
func (e *evaluationSets) see(ctx context.Context, p *dedup.Pair) (s dedup.Sighting, seen bool, err error) {
	type near struct{ number, distance int }
	var all []near
	e.index.Near(p.PHash, func(number, distance int) bool {
		all = append(all, near{number, distance})
		return true
	})
	if len(all) == 0 {
		return s, false, nil
	}
	stored, err := e.stored(p)
	if err != nil {
		return s, false, err
	}
	_, grey, reason, err := lookAt(ctx, e.pool, stored.Bytes)
	if err == nil && reason != "" {
		err = fmt.Errorf("picture %s of %s does not decode (%s), so that it cannot be compared with evaluation pictures; run pairloom verify", stored.ImageURL, e.images, reason)
	}
	if err != nil {
		return s, false, err
	}
	whole := grey.Grid(lookalike.Windows[0])
	for _, n := range all {
		t, err := e.thumbs.read(n.number / len(lookalike.Windows))
		if err != nil {
			return s, false, err
		}
		g := t.grey.Grid(lookalike.Windows[n.number%len(lookalike.Windows)])
		c := lookalike.Correlation(&whole, &g)
		if c < e.options.AgainstCorrelation || seen && c <= s.Correlation {
			continue
		}
		owner := uint64(e.owners[n.number/len(lookalike.Windows)])
		s, seen = dedup.Sighting{Number: owner, Name: e.names[owner], Distance: n.distance, Correlation: c}, true
	}
	return s, seen, nil
}

// stored reads a pair's picture from the images folder.
func (e *evaluationSets) stored(p *dedup.Pair) (*shard.Image, error) {
	part, there := e.parts[uint32(p.Note>>32)]
	if !there {
		return nil, fmt.Errorf("read %s: part %d is not there; run pairloom fetch", e.images, p.Note>>32)
	}
	r, err := shard.OpenPart[shard.Image](e.images, part, "image_url", "image", "format", "width", "height")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var row shard.Image
	if err := r.Read(int(uint32(p.Note)), &row); err != nil {
		return nil, err
	}
	return &shard.Image{ImageURL: strings.Clone(row.ImageURL), Format: strings.Clone(row.Format), Width: row.Width, Height: row.Height, Bytes: bytes.Clone(row.Bytes)}, nil
}

// eachEvaluationEntry visits what a set holds, in always the same order: a Parquet file,
// a dataset's folder, or one of pictures, whose captions stand in files of the same
// name that end in .txt, one a line. The entry's picture lives until the next one.
func eachEvaluationEntry(path string, visit func(evaluationEntry) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if filepath.Ext(path) != ".parquet" {
			return errors.New("it is neither a folder nor a file whose name ends in .parquet")
		}
		return evaluate.EachPictureRow(path, func(r evaluate.PictureRow) error {
			e := evaluationEntry{name: fmt.Sprintf("%s row %d", path, r.Number), picture: r.Picture}
			if r.Text != "" {
				e.texts = []string{r.Text}
			}
			return visit(e)
		})
	}
	for _, folder := range []string{path, filepath.Join(path, shard.ShardsFolder)} {
		if shard.IsFinished(folder) {
			return eachDatasetEntry(folder, visit)
		}
	}
	if unfinishedDataset(path) {
		return errors.New("it is the folder of a pairloom dataset that has no finished shards yet; run pairloom there first, or name the folder of its pictures")
	}
	files, _, err := evaluate.PictureFiles(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		if filepath.Ext(file) == ".txt" {
			continue
		}
		e := evaluationEntry{name: file}
		if e.picture, err = os.ReadFile(file); err != nil {
			return err
		}
		captions, err := os.ReadFile(strings.TrimSuffix(file, filepath.Ext(file)) + ".txt")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		e.texts = strings.Split(string(captions), "\n")
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// unfinishedDataset tells whether a folder without a manifest of shards is a dataset's,
// or that of its shards, rather than one of pictures.
func unfinishedDataset(path string) bool {
	return exists(filepath.Join(path, "pairloom.yaml")) || exists(filepath.Join(path, shard.ShardsFolder)) ||
		filepath.Base(path) == shard.ShardsFolder && exists(filepath.Join(filepath.Dir(path), "pairloom.yaml"))
}

// evaluationPath is the full path of a set, which is there and not the dataset itself.
func evaluationPath(dir, set string) (string, error) {
	path, err := filepath.Abs(resolve(dir, set))
	if err != nil {
		return "", fmt.Errorf("dedup.against: %s: %w", set, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", configurationError("dedup.against: %s: there is no %s; paths are relative to the dataset's folder", set, path)
	}
	if err != nil {
		return "", configurationError("dedup.against: %s: %w", set, err)
	}
	for _, own := range []string{dir, filepath.Join(dir, shard.ShardsFolder)} {
		if o, err := os.Stat(own); err == nil && os.SameFile(o, info) {
			return "", configurationError("dedup.against: %s (%s) is this dataset itself, of which no pair would be left; name a set that it must not hold", set, path)
		}
	}
	return path, nil
}

func eachDatasetEntry(folder string, visit func(evaluationEntry) error) error {
	dataset, err := shard.OpenDataset(folder)
	if err != nil {
		return err
	}
	for row, err := range dataset.Rows("", "pair_id", "text", "image") {
		if err == nil {
			err = visit(evaluationEntry{
				name:    fmt.Sprintf("%s row %d", filepath.Join(folder, row.Part), row.Number),
				picture: row.Image, texts: []string{strings.Clone(row.Text)},
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// againstPrint is the fingerprint of the sets: their files' names, sizes and times.
func againstPrint(dir string, sets []string) (string, error) {
	d := xxhash.New()
	for _, set := range sets {
		root, err := evaluationPath(dir, set)
		if err != nil {
			return "", err
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				fmt.Fprintf(d, "%s\x00%d\x00%d\n", path, info.Size(), info.ModTime().UnixNano())
			}
			return err
		})
		if err != nil {
			return "", configurationError("dedup.against: %s: %w", set, err)
		}
	}
	return fmt.Sprintf("%016x", d.Sum64()), nil
}
