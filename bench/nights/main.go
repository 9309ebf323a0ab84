// Command nights has a dataset live for thirty nights: two sites on loopback change, and
// each night the whole road is run on them, from crawl to evaluation, as cron runs it,
// while a clock moves on by a day. It prints a line a night: what changed, what each
// folder was written, what became of generation and model. run.sh starts it.
//
//	nights FOLDER [NIGHTS]
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

func main() {
	var err error
	if len(os.Args) == 2 && os.Args[1] == childCommand {
		err = picture.Serve(os.Stdin, os.Stdout, picture.Limits{})
	} else {
		err = run(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nights:", err)
		os.Exit(1)
	}
}

const childCommand = "picture-child"

// clock is the road's, and the gate's: nobody waits.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                                   { return c.now }
func (c *clock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// nights is a dataset and what is around it.
type nights struct {
	dir   string
	clock clock
	world world
	files map[string]file // as the last night left them
	known map[uint64]bool // pairs that were there in some night: whether they are held out
}

// file is what a file was when it was looked at.
type file struct {
	size int64
	sum  uint64
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: nights FOLDER [NIGHTS]")
	}
	count := 30
	if len(args) == 2 {
		var err error
		if count, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	n := &nights{dir: args[0], clock: clock{time.Date(2026, 3, 1, 2, 17, 0, 0, time.UTC)}, files: map[string]file{}, known: map[uint64]bool{}}
	n.world = world{Rand: rand.New(rand.NewPCG(15, 30)), left: map[uint64]bool{}}
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		s, err := newSite(address)
		if err != nil {
			return err
		}
		defer s.server.Close()
		n.world.sites = append(n.world.sites, s)
		for range 150 {
			n.world.add(s)
		}
	}
	if err := n.configure(); err != nil {
		return err
	}
	fmt.Println("| night | on the sites | asked: pages, pictures (as before) | KiB written: crawl, matched, images, selection, shards, report, model | generation | pairs, held out | training | picture to text R@1 | s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for night := range count {
		c := n.change(night)
		line, err := n.night()
		if err != nil {
			return fmt.Errorf("night %d: %w", night, err)
		}
		fmt.Printf("| %d | %s | %s |\n", night, c, line)
		n.clock.now = n.clock.now.Add(24 * time.Hour)
	}
	return n.atTheEnd()
}

// change is what happens on the sites before a night's run.
func (n *nights) change(night int) (c change) {
	a, b := n.world.sites[0], n.world.sites[1]
	b.down = night == 14
	switch {
	case night == 0:
		c.other = "450 pictures on 150 pages each"
	case night%7 == 3:
	case night == 10:
		a.robots, c.other = "User-agent: *\nDisallow: /s3/\n", "robots.txt of one disallows a section"
		n.section(a, "/s3/", true)
	case night == 20:
		a.robots, c.other = "User-agent: *\nAllow: /\n", "robots.txt allows it again"
		n.section(a, "/s3/", false)
	case night == 14:
		c.other = "one is down"
	case night == 17:
		n.world.overnight(a, &c, 70)
	default:
		n.world.overnight(a, &c, n.world.IntN(4))
		n.world.overnight(b, &c, n.world.IntN(4))
	}
	return c
}

// section notes that pictures of a section are withdrawn, or no longer.
func (n *nights) section(s *site, prefix string, withdrawn bool) {
	for path, p := range s.shots {
		if strings.HasPrefix(path, prefix) {
			n.world.left[xxhash.Sum64(p.png())] = withdrawn
		}
	}
}

func (n *nights) configure() error {
	a, b := n.world.sites[0].server.URL, n.world.sites[1].server.URL
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	values := map[string]string{
		"crawl.seeds": fmt.Sprintf("[%q, %q]", a+"/", b+"/"), "gate.contact": "mailto:bench@example.org",
		"gate.allow_addresses": fmt.Sprintf("[%q, %q]", host(a), host(b)), "gate.delay": "0s", "gate.latency_factor": "0",
		"crawl.revisit_after": "23h", "fetch.revisit_after": "23h", "fetch.image_size": "64", "fetch.part_pictures": "100",
		"match.queries": "animals.zst", "match.placeholder_texts": "0", "filter.picture.min_short_side": "32", "filter.text.min_words": "2",
		"shard.pairs": "500", "shard.heldout_share": "0.1",
		"train.model": "vit-nano", "train.epochs": "6", "train.batch": "64", "train.vocabulary": "560", "train.checkpoint_every": "20", "memory_mib": "64",
	}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	var entries []query.Entry
	for _, animal := range animals {
		entries = append(entries, query.Entry{Text: animal, Source: "bench"})
	}
	if err := query.WriteFile(filepath.Join(n.dir, "animals.zst"), nil, entries); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.dir, config.FileName), config.Template(values), 0o644)
}

// options are those of the folder, with our clock.
func (n *nights) options() (*config.Config, error) {
	o, err := config.Load(filepath.Join(n.dir, config.FileName))
	if err == nil {
		o.Gate.Clock = &n.clock
	}
	return o, err
}

// night is one run. It returns the columns of its line.
func (n *nights) night() (string, error) {
	o, err := n.options()
	if err != nil {
		return "", err
	}
	for _, s := range n.world.sites {
		clear(s.answers)
	}
	began := time.Now()
	done, err := n.road(o)
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	var training, recall, generation string
	for _, d := range done {
		switch r := d.Result.(type) {
		case *trainer.Result:
			training = trained(r)
		case *evaluate.Result:
			recall = fmt.Sprintf("%.1f%% of %d", 100*r.ImageToText.Recall[0].Rate, r.Pairs)
		case pipeline.Sharded:
			generation = sharded(r)
		}
		if d.Skipped != "" && d.Stage == pipeline.EvalName && d.Tally == nil {
			recall = "skipped"
		}
		if d.Unfinished != "" {
			return "", fmt.Errorf("%s: %s", d.Stage, d.Unfinished)
		}
	}
	written, err := n.written()
	if err != nil {
		return "", err
	}
	pairs, err := n.sides()
	if err != nil {
		return "", err
	}
	asked := map[string]int{}
	for _, s := range n.world.sites {
		for kind, count := range s.answers {
			asked[kind] += count
		}
	}
	dash := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	return strings.Join([]string{
		fmt.Sprintf("%d (%d), %d (%d)", asked["page"]+asked["page unchanged"], asked["page unchanged"], asked["picture"]+asked["picture unchanged"], asked["picture unchanged"]),
		written, dash(generation), pairs, dash(training), dash(recall), fmt.Sprintf("%.1f", took.Seconds()),
	}, " | "), nil
}

// road is every stage whose settings or input changed.
func (n *nights) road(o *config.Config) ([]pipeline.Done, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	work := pipeline.Work{Dir: n.dir, Options: *o, Now: n.clock.Now, Version: "nights", PictureChild: []string{self, childCommand}, Log: slog.New(slog.DiscardHandler)}
	stages, err := pipeline.Select(pipeline.Road(work), "", "")
	if err != nil {
		return nil, err
	}
	lock, err := pipeline.Acquire(n.dir, "run")
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	return pipeline.Do(context.Background(), stages, false, work.Log, watcher{})
}

type watcher struct{}

func (watcher) Begin(*pipeline.Stage, int, int) pipeline.Progress { return func(int64, int64) {} }
func (watcher) End()                                              {}

// trained says in a few words what training did.
func trained(r *trainer.Result) string {
	switch {
	case r.Resumed == 0:
		return fmt.Sprintf("trained, %d steps on generation %d", r.Steps, r.Generation)
	case r.Steps > r.Resumed:
		return fmt.Sprintf("went on, %d steps to %d on generation %d: %d new pairs, %d gone", r.Steps-r.Resumed, r.Steps, r.Generation, r.Added, r.Gone)
	}
	return fmt.Sprintf("stays as it is (generation %d): %d new pairs, %d gone", r.Generation, r.Added, r.Gone)
}

func sharded(r pipeline.Sharded) string {
	var deleted int64
	for _, count := range r.Deleted {
		deleted += count
	}
	if r.Anew != "" {
		return fmt.Sprintf("%d, anew: %s", r.Generation, r.Anew)
	}
	if r.Added+deleted == 0 {
		return fmt.Sprintf("%d stays", r.Generation)
	}
	return fmt.Sprintf("%d: +%d -%d", r.Generation, r.Added, deleted)
}

// folders are the columns of what was written.
var folders = []struct {
	name  string
	paths []string
}{
	{"crawl", []string{"crawl.db", shard.CandidatesFolder}}, {"matched", []string{shard.MatchedFolder}}, {"images", []string{shard.ImagesFolder}},
	{"selection", []string{shard.SelectionFolder, "pictures.near"}}, {"shards", []string{shard.ShardsFolder}}, {"report", []string{shard.ReportFolder}},
	{"model", []string{shard.CheckpointsFolder, shard.EvaluationFolder, shard.ClassifiersFolder}},
}

// written tells the KiB of files that are new or other than the night before, by folder. No
// shard may be another.
func (n *nights) written() (string, error) {
	now, err := n.look()
	if err != nil {
		return "", err
	}
	var columns []string
	for _, f := range folders {
		var bytes int64
		for path, is := range now {
			for _, prefix := range f.paths {
				if strings.HasPrefix(path, prefix) && n.files[path] != is {
					bytes += is.size
				}
			}
		}
		columns = append(columns, fmt.Sprint((bytes+1023)/1024))
	}
	for path, was := range n.files {
		is, there := now[path]
		if name := filepath.Base(path); strings.HasPrefix(path, shard.ShardsFolder) && strings.HasSuffix(name, ".arrow") && (!there || is != was) {
			return "", fmt.Errorf("%s was written anew", path)
		}
	}
	n.files = now
	return strings.Join(columns, ", "), nil
}

// look reads all files.
func (n *nights) look() (map[string]file, error) {
	now := map[string]file{}
	err := filepath.WalkDir(n.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		name, relErr := filepath.Rel(n.dir, path)
		now[name] = file{int64(len(data)), xxhash.Sum64(data)}
		return errors.Join(err, relErr)
	})
	return now, err
}

// sides counts the pairs. None may have changed sides since it was first there, but for
// its picture.
func (n *nights) sides() (string, error) {
	dataset, err := shard.OpenDataset(filepath.Join(n.dir, shard.ShardsFolder))
	if err != nil {
		return "", err
	}
	count := map[bool]int{}
	for row, err := range dataset.Rows("", "pair_id", "picture_hash") {
		if err != nil {
			return "", err
		}
		heldOut := strings.HasPrefix(row.Part, shard.HeldOut)
		key := row.PairID*31 + row.PictureHash
		if before, there := n.known[key]; there && before != heldOut {
			return "", fmt.Errorf("pair %s changed sides", shard.FormatPairID(row.PairID))
		}
		n.known[key] = heldOut
		count[heldOut]++
	}
	return fmt.Sprintf("%d, %d", count[false]+count[true], count[true]), nil
}

// atTheEnd holds the dataset against the sites, by verify, and against a fresh build.
func (n *nights) atTheEnd() error {
	for _, s := range n.world.sites { // what is shown again is not withdrawn
		for _, p := range s.pages {
			for _, path := range p.shots {
				if shown := s.shots[path]; p.status == 0 && p.tag == "" && shown.status == 0 {
					n.world.left[xxhash.Sum64(shown.png())] = false
				}
			}
		}
	}
	dataset, err := shard.OpenDataset(filepath.Join(n.dir, shard.ShardsFolder))
	if err != nil {
		return err
	}
	withdrawn, readable := 0, 0
	for _, left := range n.world.left {
		if left {
			withdrawn++
		}
	}
	for row, err := range dataset.Rows("", "picture_hash") {
		if err != nil {
			return err
		}
		if n.world.left[row.PictureHash] {
			readable++
		}
	}
	o, err := n.options()
	if err != nil {
		return err
	}
	verified, err := pipeline.Verify{Dir: n.dir, Options: *o}.Run(context.Background(), func(int64, int64) {})
	if err != nil {
		return err
	}
	fmt.Printf("\nOf %d withdrawn pictures %d can be read; verify finds %d faults; every night ended well.\n", withdrawn, readable, len(verified.Faults))
	if readable > 0 || !verified.Sound() {
		return fmt.Errorf("the dataset is not what it should be: %v", verified.Faults)
	}
	return nil
}
