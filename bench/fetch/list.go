package main

import (
	"bufio"
	"cmp"
	"fmt"
	"image"
	_ "image/jpeg" // formats of the pictures
	_ "image/png"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// The caps of pairloom's defaults. Peers have none, so that a larger picture would
// be work for them alone.
const (
	maxBytes  = 20 << 20
	maxPixels = 50_000_000
)

// find lists the pictures under folder, within the caps, in an order that is drawn
// with a fixed seed.
func find(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(path))) {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		header, _, err := image.DecodeConfig(bufio.NewReader(f))
		if err == nil && info.Size() <= maxBytes && header.Width*header.Height <= maxPixels {
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no pictures under %s", folder)
	}
	r := rand.New(rand.NewPCG(1, 0))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files, err
}

// addresses are rows addresses of the site: those of the pictures over and over,
// each time with another query. Hosts take turns.
func addresses(files []string, rows, hosts, port int) []string {
	list := make([]string, rows)
	for i := range rows {
		n := i % len(files)
		list[i] = fmt.Sprintf("http://%s/%d%s?copy=%d", address(i%hosts, port), n, strings.ToLower(filepath.Ext(files[n])), i/len(files))
	}
	return list
}

// dead are rows addresses on a tenth as many hosts that are refused undialled: what is
// left is the work on the list.
func dead(rows int) []string {
	list := make([]string, rows)
	for i := range rows {
		h := i % max(1, rows/10)
		list[i] = fmt.Sprintf("http://10.%d.%d.%d/wp-content/uploads/2023/%d-1024x768.jpg", h>>16&255, h>>8&255, h&255, i)
	}
	return list
}

// writeList writes the addresses for img2dataset.
func writeList(path string, list []string) error {
	var b strings.Builder
	b.WriteString("url,caption\n")
	for i, u := range list {
		fmt.Fprintf(&b, "%s,picture %d\n", u, i)
	}
	return os.WriteFile(path, []byte(b.String()), 0o666)
}

// writeMatched writes them as the matched pairs of a dataset.
func writeMatched(dir string, list []string) error {
	rows := make([]shard.Matched, len(list))
	for i, u := range list {
		text := fmt.Sprintf("picture %d", i)
		rows[i] = shard.Matched{
			PairID: shard.PairID(u, text), ImageID: shard.ImageID(u), QueryIDs: []uint32{0},
			Candidate: shard.Candidate{PageURL: "http://page.example/", ImageURL: u, Text: text, TextSource: "alt", Source: "live", CrawlTime: 1},
		}
	}
	slices.SortFunc(rows, func(a, b shard.Matched) int { return cmp.Compare(a.ImageID, b.ImageID) })
	origin := shard.Origin{Stage: "match", Settings: "bench"}
	folder := filepath.Join(dir, shard.MatchedFolder)
	m := shard.Manifest{Stage: origin.Stage, Settings: origin.Settings, Tally: shard.NewTally("match", "candidates", "pairs")}
	for i, chunk := 0, 50_000; i*chunk < len(rows); i++ {
		w, err := shard.CreatePart[shard.Matched](folder, fmt.Sprintf("part-%05d.arrow", i), origin)
		if err != nil {
			return err
		}
		for j := i * chunk; j < min(len(rows), (i+1)*chunk); j++ {
			if err := w.Write(&rows[j]); err != nil {
				w.Discard()
				return err
			}
			m.Tally.Keep()
		}
		part, err := w.Close()
		if err != nil {
			return err
		}
		m.Parts = append(m.Parts, part)
	}
	m.Tally.Out = m.Tally.Kept
	return shard.WriteManifest(folder, &m)
}
