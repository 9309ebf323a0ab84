package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"context"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// newRankedSite is a site of n pictures and a pair of each with query 0, whose paths
// are /0 to /n-1 in the order in which the cap takes their pairs. others gives some of
// them further queries.
func newRankedSite(t *testing.T, n int, others map[int][]uint32) *pictureSite {
	t.Helper()
	s := newPictureSite(t)
	s.gate.Respect = nil
	s.balance = BalanceOptions{Mode: string(balance.Cap), MaxPairsPerQuery: 3}
	s.rank(n, others)
	return s
}

// rank makes the pairs. Ranks are of the hash of the pair, and that is of its address:
// a path gets as many letters as it takes for its rank.
func (s *pictureSite) rank(n int, others map[int][]uint32) {
	hash := func(path string) uint64 {
		var seeded [16]byte
		binary.LittleEndian.PutUint64(seeded[:], 1)
		binary.LittleEndian.PutUint64(seeded[8:], shard.PairID(s.server.URL+path, "a cat"))
		return xxhash.Sum64(seeded[:])
	}
	var paths []string
	for i := range n {
		path := fmt.Sprintf("/%d", i)
		for at := 0; hash(path)/(1<<59) != uint64(i*32/n); at++ {
			path = fmt.Sprintf("/%d.%d", i, at)
		}
		s.files[path] = file{colour: uint8(10 * i), tag: fmt.Sprintf(`"%d"`, i)}
		paths = append(paths, path)
	}
	s.pairs(dayZero, paths...)
	rows := rowsOf[shard.Matched](s.t, s.dir, shard.MatchedFolder)
	for i := range rows {
		if more := others[rankOf(strings.TrimPrefix(rows[i].ImageURL, s.server.URL))]; more != nil {
			rows[i].QueryIDs = more
		}
	}
	writeFolder(s.t, s.dir, shard.MatchedFolder, rows, 4)
}

// rankOf is the number that a path begins with.
func rankOf(path string) (n int) {
	fmt.Sscanf(strings.TrimPrefix(strings.TrimPrefix(path, "?"), "/"), "%d", &n)
	return n
}

func ranksOf(paths []string) (ranks []int) {
	for _, path := range slices.Compact(paths) {
		ranks = append(ranks, rankOf(path))
	}
	slices.Sort(ranks)
	return ranks
}

// fails changes what the pictures of these ranks are.
func (s *pictureSite) fails(how file, ranks ...int) {
	for path, f := range s.files {
		if slices.Contains(ranks, rankOf(path)) {
			f.status, f.header = how.status, how.header
			s.set(path, f)
		}
	}
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// Which pictures are asked for where query 0 may keep 3 of its 10 pairs, so that 4 good
// pictures make it full; and what the tally says.
func TestAFullQueryStopsAsking(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	gone, optOut := file{status: 404}, file{header: "noai"}
	for _, tt := range []struct {
		name   string
		limit  int // 3 where it is 0; -1 is none
		fails  []int
		how    file
		others map[int][]uint32
		want   []int
		kept   int64
	}{
		{"all are good", 0, nil, gone, nil, upTo(4), 4},
		{"one fails", 0, []int{0}, gone, nil, upTo(5), 4},
		{"two fail", 0, []int{0, 3}, gone, nil, upTo(6), 4},
		{"what comes instead fails", 0, []int{0, 4, 5}, gone, nil, upTo(7), 4},
		{"what would not be asked for fails", 0, []int{7, 8}, gone, nil, upTo(4), 4},
		{"a filter drops one", 0, []int{0}, optOut, nil, upTo(5), 5},
		{"all fail", 0, upTo(10), gone, nil, upTo(10), 0},
		{"too few are good", 0, upTo(7), gone, nil, upTo(10), 3},
		{"a rare query keeps the last", 0, nil, gone, map[int][]uint32{9: {0, 1}}, []int{0, 1, 2, 3, 9}, 5},
		{"what a rare query keeps is not the frequent one's", 0, []int{0}, gone, map[int][]uint32{9: {0, 1}}, []int{0, 1, 2, 3, 4, 9}, 5},
		{"another query's pair comes first of both", 0, []int{0}, gone, map[int][]uint32{0: {0, 7}, 4: {7}, 5: {7}}, upTo(7), 6},
		{"no query", 0, nil, gone, map[int][]uint32{8: {}}, []int{0, 1, 2, 3, 8}, 5},
		{"a limit that no query reaches", 10, []int{0}, gone, nil, upTo(10), 9},
		{"no limit", -1, []int{0}, gone, nil, upTo(10), 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newRankedSite(t, 10, tt.others)
			s.picture = filter.PictureOptions{ObeyOptOut: true}
			if tt.limit != 0 {
				s.balance.MaxPairsPerQuery = max(0, tt.limit)
			}
			s.fails(tt.how, tt.fails...)
			if got := ranksOf(s.run()); !slices.Equal(got, tt.want) {
				t.Errorf("asked for %v, want %v", got, tt.want)
			}
			m, err := manifest(s.dir, shard.ImagesFolder)
			if err != nil {
				t.Fatal(err)
			}
			if n := m.Tally; n.In != 10 || n.Kept != tt.kept || n.Dropped[ReasonQueryFull] != 10-int64(len(tt.want)) || m.Rows() != int64(len(tt.want)) {
				t.Errorf("the tally is %+v", n)
			}
			if why := s.due(); strings.Contains(why, "queries") { // opt-outs are due at once where they are not obeyed
				t.Errorf("then it is due: %s", why)
			}
			if got := s.run(); len(got) > 0 && tt.how.header == "" {
				t.Errorf("another run asks for %v", got)
			}
		})
	}
}

// Which pictures a mode asks for depends on their addresses, and so on the port of the
// site: three of 24 and more.
//
// Whatever the mode and the order in which it becomes known what failed, the same
// pictures are asked for: those that asking for one at a time comes to, the last first.
func TestWhatIsAskedForDoesNotDependOnTheOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, mode := range []balance.Mode{balance.Cap, balance.Probability} {
		s := newRankedSite(t, 24, map[int][]uint32{3: {0, 1}, 9: {0, 1}, 14: {1}, 15: {1, 2}, 17: {1}, 20: {0, 1}, 21: {1}, 22: {2}})
		s.balance.Mode, s.balance.MaxPairsPerQuery = string(mode), 2
		bad := []int{0, 1, 5, 6, 9, 12, 15, 17, 21}
		s.fails(file{status: 404}, bad...)
		rows := rowsOf[shard.Matched](t, s.dir, shard.MatchedFolder)
		failed, asked := map[int]bool{}, map[int]bool{}
		for more := true; more; {
			seed := uint64(1)
			if mode == balance.Probability {
				seed ^= drawsOfFetch
			}
			b, err := balance.New(balance.Options{Mode: mode, Limit: 2, Margin: 1.1, Seed: seed, Queries: 3})
			if err != nil {
				t.Fatal(err)
			}
			each := func(visit func(place uint64, rank int, m *shard.Matched)) {
				for i := range rows {
					if rank := rankOf(strings.TrimPrefix(rows[i].ImageURL, s.server.URL)); !failed[rank] {
						visit(uint64(i), rank, &rows[i])
					}
				}
			}
			each(func(place uint64, _ int, m *shard.Matched) {
				if err := b.Add(place, m.PairID, m.QueryIDs); err != nil {
					t.Fatal(err)
				}
			})
			if err := b.Settle(); err != nil {
				t.Fatal(err)
			}
			next := -1
			each(func(place uint64, rank int, m *shard.Matched) {
				if b.Keeps(place, m.PairID, m.QueryIDs) && !asked[rank] {
					next = max(next, rank)
				}
			})
			b.Close()
			if more = next >= 0; more {
				asked[next], failed[next] = true, slices.Contains(bad, next)
			}
		}
		want := slices.Sorted(maps.Keys(asked))
		if got := ranksOf(s.run()); !slices.Equal(got, want) || len(want) == 24 || len(want) < 3 {
			t.Errorf("%s: asked for %v, want %v", mode, got, want)
		}
	}
}

// A run that is killed at any moment, or stopped at any request, is made good by the
// next one: its files are those of an unbroken run, in the same parts.
func TestRoundsThatAreBrokenOff(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	s := newRankedSite(t, 12, nil)
	s.balance.MaxPairsPerQuery, s.options.Workers, s.options.PartPictures = 4, 1, 2
	s.fails(file{status: 404}, 0, 1, 3, 6, 8) // rounds of 5, 3, 1 and 1 pictures
	unbroken := s.dir
	requests := len(s.run())
	want := s.disk()
	if n := len(s.rows()); n != 10 || want[partName(6)] == "" || want[partName(7)] != "" {
		t.Fatalf("%d pictures were asked for, in %v", n, slices.Sorted(maps.Keys(want)))
	}
	anew := func() {
		s.dir, s.ctx, s.before, s.asked = t.TempDir(), t.Context(), nil, nil
		if err := os.CopyFS(filepath.Join(s.dir, shard.MatchedFolder), os.DirFS(filepath.Join(unbroken, shard.MatchedFolder))); err != nil {
			t.Fatal(err)
		}
	}
	same := func(when string) {
		t.Helper()
		if got := s.disk(); !maps.Equal(got, want) {
			t.Fatalf("%s: files %v differ from %v", when, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	defer func() { atomicfile.Reached = nil }()
	for n, broken := 1, true; broken; n += step {
		anew()
		moments := 0
		atomicfile.Reached = func(string) {
			if moments++; moments == n {
				panic(killed{})
			}
		}
		broken = func() (broken bool) {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(killed); !ok {
						panic(r)
					}
					broken = true
				}
			}()
			s.run()
			return false
		}()
		atomicfile.Reached = nil
		s.run()
		same(fmt.Sprintf("killed at moment %d", n))
		if !broken && n < 20 {
			t.Errorf("there were only %d moments", n)
		}
	}
	for n := 1; n <= requests; n += step {
		anew()
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("terminated")
		s.ctx = ctx
		s.before = func(_ string, asked int) {
			if asked == n {
				cancel(stop)
			}
		}
		if _, err := s.try(); err != nil && !errors.Is(err, stop) {
			t.Fatal(err)
		}
		cancel(nil)
		s.ctx, s.before = t.Context(), nil
		s.run()
		same(fmt.Sprintf("stopped at request %d", n))
	}
	s.ctx = t.Context()
}

// When pictures are lost, or other settings drop some, the next ones are asked for, and
// those that are there are not fetched again.
func TestTheNextOnesAreAskedForLater(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	s := newRankedSite(t, 10, nil)
	s.fails(file{header: "noai"}, 1)
	if got := ranksOf(s.run()); !slices.Equal(got, upTo(4)) {
		t.Fatalf("first asked for %v", got)
	}
	stored := s.rows()
	s.now = s.now.Add(31 * aDay)
	s.fails(file{status: 410}, 0, 2)
	if got := ranksOf(s.run()); !slices.Equal(got, upTo(6)) { // the first four on condition
		t.Errorf("after two were withdrawn asked for %v", got)
	}
	s.picture.ObeyOptOut = true
	if why := s.due(); why != "by other settings queries that were full may need more pictures" {
		t.Errorf("when a filter is another it is due: %q", why)
	}
	if got := ranksOf(s.run()); !slices.Equal(got, []int{6}) {
		t.Errorf("after the filter drops one asked for %v", got)
	}
	if why := s.due(); why != "" {
		t.Errorf("then it is due: %s", why)
	}
	s.balance.MaxPairsPerQuery = 0
	if why := s.due(); why == "" {
		t.Error("without a limit it is not due")
	}
	if got := ranksOf(s.run()); !slices.Equal(got, []int{7, 8, 9}) {
		t.Errorf("without a limit asked for %v", got)
	}
	if m, err := manifest(s.dir, shard.ImagesFolder); err != nil || m.Tally.In != 10 || m.Tally.Dropped[ReasonQueryFull] != 0 {
		t.Errorf("the tally is %+v: %v", m.Tally, err)
	}
	for path, i := range s.rows() {
		if old, ok := stored[path]; ok && i.Status == "" && !reflect.DeepEqual(i.Bytes, old.Bytes) {
			t.Errorf("%s was fetched again", path)
		}
	}
}

// Curate, explain and verify know of pictures that were not asked for.
func TestFullQueriesBehindFetch(t *testing.T) {
	s := newRankedSite(t, 10, nil)
	s.fails(file{status: 404}, 1)
	s.run()
	o := testOptions()
	o.Balance, o.Gate, o.Fetch = s.balance, s.gate, s.options
	writeList(t, filepath.Join(s.dir, "list.zst"), "cat")
	runStages(t, s.dir, o, CurateName)
	want := map[int]string{1: ReasonNotFetched, 4: ReasonQueryCap}
	for rank := 5; rank < 10; rank++ {
		want[rank] = ReasonQueryFull
	}
	for _, m := range rowsOf[shard.Matched](t, s.dir, shard.MatchedFolder) {
		e, err := Explain(s.dir, o, m.ImageURL)
		if err != nil || len(e.Pairs) != 1 {
			t.Fatalf("%+v, %v", e, err)
		}
		rank := rankOf(strings.TrimPrefix(m.ImageURL, s.server.URL))
		if p := e.Pairs[0]; p.Stage != CurateName || p.Reason != want[rank] {
			t.Errorf("pair %d: %s %q (%s), want %q", rank, p.Stage, p.Reason, p.Detail, want[rank])
		}
		status := map[int]string{1: "http_404"}[rank]
		switch {
		case rank > 4:
			status = ReasonQueryFull
		case status == "":
			status = "fetched"
		}
		if e.Image == nil || e.Image.Status != status || (rank > 4) != e.Image.Asked.IsZero() {
			t.Errorf("picture %d: %+v, want %s", rank, e.Image, status)
		}
	}
	found, err := Verify{Dir: s.dir, Options: *o}.Run(t.Context(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Faults {
		if strings.HasPrefix(f.Path, shard.ImagesFolder) || strings.HasPrefix(f.Path, shard.SelectionFolder) {
			t.Errorf("verify finds %+v", f)
		}
	}
	crawled := filepath.Join(s.dir, shard.ProducerFolder(shard.ProducerCrawl))
	if err := os.MkdirAll(crawled, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := shard.WriteManifest(crawled, &shard.Manifest{Stage: CrawlName, Tally: shard.NewTally(CrawlName, "pages", "candidates")}); err != nil {
		t.Fatal(err)
	}
	if d := tryDry(t, s.dir, o); !slices.Contains(d.NotFetched, stats.Name{Name: ReasonQueryFull, Count: tallyOf(t, s.dir, shard.SelectionFolder).Dropped[ReasonQueryFull]}) {
		t.Errorf("the dry run says %v of pictures that are not there", d.NotFetched)
	}
	// Before fetch has ended nobody can tell.
	judge := PictureJudge{refused: refusal.New(nil)}
	if reason, detail := judge.Judge(&shard.Matched{}, nil); reason != ReasonNotFetched || !strings.Contains(detail, "run pairloom fetch") {
		t.Errorf("a picture that may yet be asked for: %s, %s", reason, detail)
	}
}
