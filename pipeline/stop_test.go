package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// filesOf are the files of a dataset's folder, by path within it.
func filesOf(t *testing.T, dir string, folders ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			files[strings.TrimPrefix(path, dir)] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestStagesThatAreStopped stops each stage at moments of its work. It says what is
// kept where something is, and the next run ends with the bytes of an unbroken one.
func TestStagesThatAreStopped(t *testing.T) {
	var text strings.Builder
	for i := range 12 {
		fmt.Fprintf(&text, "p%d cat%d alt a cat of %d\n", i, i, i)
	}
	make := func() (string, *Options) {
		dir, o := t.TempDir(), testOptions()
		o.Match.PartPairs, o.Shard.Pairs = 5, 5
		writeList(t, filepath.Join(dir, "list.zst"), "cat")
		writeCandidates(t, dir, map[string]string{"crawl": text.String()})
		return dir, o
	}
	folders := []string{shard.MatchedFolder, shard.SelectionFolder, shard.ShardsFolder, shard.ReportFolder}
	whole := []string{MatchName, FetchName, CurateName, ShardName, ReportName}
	unbroken, o := make()
	runStages(t, unbroken, o, whole...)
	want := filesOf(t, unbroken, folders...)
	for _, tt := range []struct{ stage, kept string }{
		{MatchName, ""}, {CurateName, ""}, {ShardName, "of 12 pairs are kept"}, {ReportName, ""},
	} {
		for _, after := range []int64{0, 5} { // records of progress
			dir, o := make()
			at := slices.Index(whole, tt.stage)
			runStages(t, dir, o, whole[:at]...)
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("terminated")
			if after == 0 {
				cancel(stop)
			}
			road := Road(Work{Dir: dir, Options: *o})
			i := slices.IndexFunc(road, func(s Stage) bool { return s.Name == tt.stage })
			_, err := road[i].Run(ctx, func(done, _ int64) {
				if done >= after {
					cancel(stop)
				}
			})
			var stopped *StoppedError
			if err = Stopped(ctx, err); err != nil && (!errors.As(err, &stopped) || stopped.Cause != stop || after > 0 && !strings.Contains(stopped.Kept, tt.kept) ||
				!strings.HasSuffix(err.Error(), "run again to go on")) {
				t.Errorf("%s stopped after %d: %v", tt.stage, after, err)
			}
			if err == nil && after == 0 {
				t.Errorf("%s does not see that it is stopped", tt.stage)
			}
			runStages(t, dir, o, whole[at:]...)
			if got := filesOf(t, dir, folders...); !maps.Equal(got, want) {
				t.Errorf("%s stopped after %d and run again: %v differ from %v", tt.stage, after, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		}
	}
}

// TestWithdrawnPicturesLeaveTheDataset follows a picture that was withdrawn, and one
// that was replaced, through the stages behind fetch.
func TestWithdrawnPicturesLeaveTheDataset(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	s := newPictureSite(t, sevenPaths...)
	o := testOptions()
	writeList(t, filepath.Join(s.dir, "list.zst"), "cat")
	behind := []string{CurateName, ShardName}
	s.run()
	runStages(t, s.dir, o, behind...)
	pictures := func() map[string]string {
		all := map[string]string{}
		for _, p := range rowsOf[shard.Pair](t, s.dir, shard.ShardsFolder) {
			all[strings.TrimPrefix(p.ImageURL, s.server.URL)] = string(p.Image)
		}
		return all
	}
	first := pictures()
	if len(first) != 7 {
		t.Fatalf("the dataset has %d pairs", len(first))
	}
	stale := func() (names []string) {
		for _, stage := range Road(Work{Dir: s.dir, Options: *o}) {
			if slices.Contains(behind, stage.Name) {
				if why, err := stage.Stale(); err != nil || why != "" {
					names = append(names, stage.Name)
				}
			}
		}
		return names
	}
	s.now = s.now.Add(31 * aDay)
	if s.run(); stale() != nil {
		t.Errorf("all pictures hold, and yet %v must run", stale())
	}
	s.now = s.now.Add(31 * aDay)
	s.set("/2", file{status: 410})
	s.set("/3", file{colour: 222, tag: `"new"`})
	if s.run(); !slices.Equal(stale(), behind) {
		t.Errorf("two pictures are others: %v must run, want %v", stale(), behind)
	}
	runStages(t, s.dir, o, behind...)
	now := pictures()
	for path, picture := range first {
		same := path != "/2" && path != "/3"
		if (now[path] == picture) != same {
			t.Errorf("%s is the same: %v, want %v", path, !same, same)
		}
	}
	if _, there := now["/2"]; there || len(now["/3"]) == 0 {
		t.Errorf("the withdrawn picture is there: %v; the replaced one has %d bytes", there, len(now["/3"]))
	}
	o.Shard.Compact = true
	if runStages(t, s.dir, o, ShardName); !maps.Equal(pictures(), now) {
		t.Error("compacted, the dataset holds others")
	}
	for name, data := range filesOf(t, s.dir, shard.ImagesFolder, shard.ShardsFolder, shard.SelectionFolder) {
		if strings.Contains(data, first["/2"]) || strings.Contains(data, first["/3"]) {
			t.Errorf("%s holds old bytes", name)
		}
	}
}

// TestExplainTellsOfAsking says when a picture was last asked for, and how it went.
func TestExplainTellsOfAsking(t *testing.T) {
	s := newPictureSite(t, "/a")
	s.gate.Respect = nil
	s.set("/a", file{tag: `"1"`, header: "noai"})
	s.run()
	s.now = s.now.Add(31 * aDay)
	s.set("/a", file{status: 503})
	s.run()
	e := &Explanation{Asked: s.server.URL + "/a"}
	if err := (&explainer{dir: s.dir}).picture(e); err != nil {
		t.Fatal(err)
	}
	i := e.Image
	if i.Status != "fetched" || i.OptOut != "noai" || i.ETag != `"1"` || i.Tries != 1 || !strings.HasPrefix(i.Failure, "http_503: ") || !i.Asked.Equal(s.now) {
		t.Errorf("explain says %+v", i)
	}
}
