package build

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// minHourlyViews: rows under it are left out before views are added up, as
// MetaCLIP does; it keeps the number of titles, and so the memory, small.
const minHourlyViews = 50

// ViewsTally is what became of the rows of the page-view files.
type ViewsTally struct {
	Rows, OtherProject, Few, Colon, Malformed int64
}

var viewsName = regexp.MustCompile(`^pageviews-\d{8}-\d{6}(\.gz)?$`)

// readViews adds up the views of titles over hourly page-view files, whose rows
// are project, title, views and bytes. A file without any row of the project is
// refused: it is of another kind, or the project is misspelt.
func readViews(ctx context.Context, paths []string, project string, progress func(done int64)) (map[string]int64, ViewsTally, error) {
	titles := map[string]int64{}
	var tally ViewsTally
	for i, path := range paths {
		if err := readViewsFile(ctx, path, project, titles, &tally); err != nil {
			return nil, tally, err
		}
		progress(int64(i + 1))
	}
	return titles, tally, nil
}

func readViewsFile(ctx context.Context, path, project string, titles map[string]int64, tally *ViewsTally) error {
	if !viewsName.MatchString(filepath.Base(path)) {
		return fmt.Errorf("read page views %s: want an hourly file, named such as pageviews-20240131-120000.gz", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read page views: %w", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("read page views %s: %w", path, err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	ours, n := 0, 0
	for ; lines.Scan(); n++ {
		if n%65536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		tally.Rows++
		line := lines.Bytes()
		code, rest, _ := bytes.Cut(line, []byte{' '})
		if string(code) != project {
			tally.OtherProject++
			continue
		}
		ours++
		title, rest, _ := bytes.Cut(rest, []byte{' '})
		views, _, ok := bytes.Cut(rest, []byte{' '})
		count, err := strconv.ParseInt(string(views), 10, 64)
		switch {
		case !ok || err != nil || count < 0 || !utf8.Valid(title):
			tally.Malformed++
		case count < minHourlyViews:
			tally.Few++
		case bytes.IndexByte(title, ':') >= 0:
			tally.Colon++
		default:
			titles[strings.TrimSpace(strings.ReplaceAll(string(title), "_", " "))] += count
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read page views %s: line %d: %w", path, n+1, err)
	}
	if ours == 0 {
		return fmt.Errorf("read page views %s: none of its %d rows is of project %q; name the project as the file does", path, n, project)
	}
	return nil
}

// wordNetFiles are WordNet's files of synsets.
var wordNetFiles = []string{"data.adj", "data.adv", "data.noun", "data.verb"}

// readWordNet counts the synsets that hold each word or phrase of WordNet's
// files in dir (wndb(5): offset, file number, type, number of words in
// hexadecimal, then each word and its lexical id; adjectives may carry a marker
// such as (p)).
func readWordNet(dir string) (map[string]int64, error) {
	texts := map[string]int64{}
	for _, file := range wordNetFiles {
		path := filepath.Join(dir, file)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read WordNet: there is no %s; name the folder of WordNet's dict files (Debian's wordnet-base has it in /usr/share/wordnet)", path)
		}
		if err != nil {
			return nil, fmt.Errorf("read WordNet: %w", err)
		}
		err = readSynsets(f, texts)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read WordNet %s: %w", path, err)
		}
	}
	return texts, nil
}

func readSynsets(r io.Reader, texts map[string]int64) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, " ") { // the licence
			continue
		}
		fields := strings.Fields(line)
		words := int64(0)
		var err error
		if len(fields) > 3 {
			words, err = strconv.ParseInt(fields[3], 16, 32)
		}
		if err != nil || words < 1 || len(fields) < int(4+2*words) {
			return fmt.Errorf("line %d is no synset", n)
		}
		for i := range int(words) {
			word, _, _ := strings.Cut(fields[4+2*i], "(")
			texts[strings.ReplaceAll(word, "_", " ")]++
		}
	}
	return lines.Err()
}
