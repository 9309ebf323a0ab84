package pipeline

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// pattern is a picture of 25 fields by a seed: two of one seed look alike whatever their
// sides.
func pattern(seed, side int) []byte {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	var fields [25]color.NRGBA
	for i := range fields {
		fields[i] = color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
	}
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		x, y := i%side, i/side
		img.SetNRGBA(x, y, fields[y*5/side*5+x*5/side])
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a picture in memory encodes
	}
	return b.Bytes()
}

// aPage puts a page with two pictures, of the seeds n and n+1, on a host, and a link to
// it on its first page.
func (y *year) aPage(h *yearHost, n, side int) {
	for i := range 2 {
		h.files[fmt.Sprintf("/%d.png", n+i)] = fmt.Sprintf("pattern %d %d", (n+i)%1000, side)
	}
	h.files[fmt.Sprintf("/%d.html", n)] = fmt.Sprintf(`<img src=%d.png alt="the fox of %d"><img src=%d.png alt="the owl of %d">`, n, n, n+1, n+1)
	h.files["/"] += fmt.Sprintf("<a href=%d.html>next</a>", n)
}

// theNights are what happens before a night's run.
func (y *year) theNights(a, b *yearHost) map[int]event {
	page := func(h *yearHost, side int, numbers ...int) {
		for _, n := range numbers {
			y.aPage(h, n, side)
		}
	}
	return map[int]event{
		0: {"two sites with 40 pictures", func() {
			a.files, b.files = map[string]string{}, map[string]string{}
			a.files["/"] = "<a href=OTHER/>the other</a>"
			page(a, 80, 100, 102, 104, 106, 108, 110, 112, 114, 116, 118)
			page(b, 80, 200, 202, 204, 206, 208, 210, 212, 214, 216, 218)
		}},
		3: {"a has a new page; b shows larger copies of six pictures of a", func() {
			page(a, 80, 120)
			page(b, 120, 1110, 1112, 1114)
		}},
		5:  {"a/102.html is gone", func() { a.status["/102.html"] = http.StatusGone }},
		7:  {"a/104.png is replaced", func() { a.files["/104.png"] = "pattern 160 80" }},
		8:  {"b/200.html has other texts", func() { b.files["/200.html"] = strings.ReplaceAll(b.files["/200.html"], "the ", "an old ") }},
		10: {"a/106.html says noai", func() { a.header["/106.html"] = "noai" }},
		11: {"robots.txt of b disallows /208.html", func() { b.files["/robots.txt"] = "User-agent: *\nDisallow: /208.html\n" }},
		13: {"b is down", func() { b.down = true }},
		15: {"b is up again; a/108.png is gone", func() { b.down = false; a.status["/108.png"] = http.StatusGone }},
		17: {"a has five new pages", func() { page(a, 80, 130, 132, 134, 136, 138) }},
		23: {"train.extend is anew; a has six new pages", func() { y.o.Train.Extend = "anew"; page(a, 80, 140, 142, 144, 146, 148, 150) }},
		26: {"all of b is gone", func() {
			for path := range b.files {
				b.status[path] = http.StatusGone
			}
		}},
		28: {"shard.heldout_share is 0", func() { y.o.Shard.HeldoutShare = 0 }},
	}
}

// TestThirtyNights has the whole road run each night on two sites that change, as cron
// does. No night fails. What is in the shards stays there to the byte, until a setting
// makes them anew; a night that brings nothing writes nothing there; no pair changes
// sides, and no held-out picture looks like one that is trained on. testdata/nights.txt
// says what became of the dataset and of the model in each night.
func TestThirtyNights(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	y, a, b := newYear(t)
	y.o.Crawl.RevisitAfter, y.o.Fetch.RevisitAfter = aDay, aDay
	y.o.Gate.AllowAddresses = []string{"127.0.0.1", "127.0.0.2"}
	y.o.Dedup.Exact, y.o.Dedup.PictureDistance, y.o.Shard = "picture", 4, ShardOptions{Pairs: 20, HeldoutShare: 0.25}
	y.o.Train = trainer.Options{
		Model: "vit-nano", Epochs: 2, Batch: 8, LearningRate: 1e-3, Warmup: 2, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
		Vocabulary: "520", CheckpointEvery: 5, Keep: 2, LogEvery: 1, Threads: 1, Workers: 1, Extend: "1", ExtendShare: 0.2, Seed: 1,
	}
	y.o.Eval = evaluate.Options{MaxPairs: 100, Batch: 10, Weights: "last", RecallAt: []string{"1"}, Seen: "leave_out", SeenDistance: 4, Classes: 2, Templates: []string{"{label}"}, Threads: 1}
	events := y.theNights(a, b)
	var diary strings.Builder
	sides, before := map[[2]uint64]bool{}, map[string]string{}
	for y.night = range 30 {
		event := events[y.night]
		y.mu.Lock()
		if event.change != nil {
			event.change()
		}
		y.mu.Unlock()
		done := y.wholeRoad()
		line := y.account(done)
		fmt.Fprintf(&diary, "night %d", y.night)
		if event.name != "" {
			fmt.Fprintf(&diary, ": %s", event.name)
		}
		fmt.Fprintf(&diary, "\n  %s\n", line)
		anew := strings.Contains(line, "anew:")
		if anew {
			clear(sides)
		}
		y.checkSides(sides)
		now := filesUnder(t, filepath.Join(y.dir, shard.ShardsFolder))
		for name, was := range before {
			if is := now[name]; is != was && !anew && name != shard.ManifestName && name != checkedName {
				t.Errorf("night %d: %s of the shards was written anew", y.night, name)
			}
		}
		if strings.HasPrefix(line, "nothing new") && before[shard.ManifestName] != now[shard.ManifestName] {
			t.Errorf("night %d: nothing is new, and the shards are others", y.night)
		}
		before = now
		y.now = y.now.Add(aDay)
	}
	compareGolden(t, filepath.Join("testdata", "nights.txt"), diary.String(), false)
}

// wholeRoad is one night, from crawl to the second report.
func (y *year) wholeRoad() []Done {
	y.t.Helper()
	log := slog.New(slog.DiscardHandler)
	work := Work{Dir: y.dir, Options: *y.o, Now: y.Now, Version: "test", PictureChild: testPictureChild, Log: log}
	stages, err := Select(Road(work), "", "")
	if err != nil {
		y.t.Fatal(err)
	}
	done, err := Do(y.t.Context(), stages, false, log, noWatcher{})
	if err != nil {
		y.t.Fatalf("night %d: %v", y.night, err)
	}
	for _, d := range done {
		if d.Unfinished != "" {
			y.t.Fatalf("night %d: %s: %s", y.night, d.Stage, d.Unfinished)
		}
	}
	return done
}

// account says what the night did.
func (y *year) account(done []Done) string {
	y.t.Helper()
	shards, training, evaluation := "nothing new", "training is skipped", "evaluation is skipped"
	for _, d := range done {
		switch r := d.Result.(type) {
		case Sharded:
			var deleted []string
			for reason, n := range r.Deleted {
				deleted = append(deleted, fmt.Sprint(reason, " ", n))
			}
			slices.Sort(deleted)
			switch {
			case r.Anew != "":
				shards = fmt.Sprintf("generation %d, anew: %s", r.Generation, r.Anew)
			case r.Added > 0 || len(deleted) > 0:
				shards = strings.TrimSpace(fmt.Sprintf("generation %d: %d pairs added, deleted %s", r.Generation, r.Added, strings.Join(deleted, ", ")))
				shards = strings.TrimSuffix(shards, ", deleted")
			}
		case *trainer.Result:
			training = fmt.Sprintf("the model has %d steps of generation %d", r.Steps, r.Generation)
			if r.Resumed > 0 && r.Steps == r.Resumed {
				training += " still"
			}
		case *evaluate.Result:
			evaluation = fmt.Sprintf("judged on %d pairs", r.Pairs)
		}
		if d.Stage == EvalName && d.Tally == nil {
			evaluation = "not judged: " + strings.ReplaceAll(d.Skipped, y.dir, "DIR")
		}
	}
	return shards + "; " + training + "; " + evaluation
}

// checkSides holds the dataset against what earlier nights had, and its sides against
// one another.
func (y *year) checkSides(known map[[2]uint64]bool) {
	y.t.Helper()
	pairs := sidesOf(y.t, y.dir)
	for id, p := range pairs {
		key := [2]uint64{id, p.picture}
		if heldOut, there := known[key]; there && heldOut != p.heldOut {
			y.t.Errorf("night %d: pair %016x changed sides", y.night, id)
		}
		known[key] = p.heldOut
		for other, q := range pairs {
			if p.heldOut && !q.heldOut && bits.OnesCount64(p.phash^q.phash) <= dedup.SidesDistance {
				y.t.Errorf("night %d: held-out pair %016x looks like %016x, which is trained on", y.night, id, other)
			}
		}
	}
}

// filesUnder are the files of a folder, by name, with what they hold.
func filesUnder(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
