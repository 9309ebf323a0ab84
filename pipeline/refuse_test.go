package pipeline

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// TestCrawlObeysRefusals holds what a crawl asks for and writes when the list changes,
// and that nothing of what is refused stays in its memory.
func TestCrawlObeysRefusals(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	c := crawlOf(t, func(path string) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, path)
	})
	site := strings.TrimSuffix(c.Options.Seeds[0], "/")
	host, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	list := ""
	for _, step := range []struct {
		name, list string
		asked      []string
		texts      []string
		refused    int64 // pages
		candidates int64
	}{
		{"a page before it is known", "url " + site + "/b\n", []string{"/", "/a"}, []string{"picture of /", "picture of /a"}, 1, 0},
		{"a page that was read", "url " + site + "/a\nurl " + site + "/b\n", nil, []string{"picture of /"}, 2, 0},
		{"one of them may be used again", "url " + site + "/b\n", []string{"/a"}, []string{"picture of /", "picture of /a"}, 1, 0},
		{"a picture on all pages", "url " + site + "/b\nurl " + site + "/i.jpg\n", nil, nil, 1, 2},
		{"another line changes nothing for them", "host elsewhere.example\nurl " + site + "/b\nurl " + site + "/i.jpg\n", nil, nil, 1, 2},
		{"one pair, and the picture may be used again", "pair " + shard.FormatPairID(shard.PairID(site+"/i.jpg", "picture of /a")) + "\n", []string{"/", "/a", "/b"}, []string{"picture of /", "picture of /b"}, 0, 1},
		{"the host on another port", "host " + host.Hostname() + ":1\n", []string{"/a"}, []string{"picture of /", "picture of /a", "picture of /b"}, 0, 0},
		{"the host", "host " + host.Hostname() + "\n", nil, nil, 3, 0},
		{"nothing", "# nothing\n", []string{"/", "/a", "/b"}, []string{"picture of /", "picture of /a", "picture of /b"}, 0, 0},
	} {
		list, asked = step.list, nil
		refusals(t, c.Dir, list)
		stage := c.Stage()
		if why, err := stage.Stale(); why == "" || err != nil {
			t.Errorf("%s: the stage is not stale (%v)", step.name, err)
		}
		out, err := stage.Run(context.Background(), func(int64, int64) {})
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		slices.Sort(asked)
		if !slices.Equal(asked, step.asked) {
			t.Errorf("%s: asked for %v, want %v", step.name, asked, step.asked)
		}
		var texts []string
		for _, c := range rowsOf[shard.Candidate](t, c.Dir, stage.Folder) {
			texts = append(texts, c.Text)
		}
		slices.Sort(texts)
		if !slices.Equal(texts, step.texts) {
			t.Errorf("%s: candidates %q, want %q", step.name, texts, step.texts)
		}
		if got := out.Tally.Dropped[ReasonRefused]; got != step.refused {
			t.Errorf("%s: %d pages refused, want %d", step.name, got, step.refused)
		}
		if got := out.Result.(Crawled).Refused; got != step.candidates {
			t.Errorf("%s: %d candidates refused, want %d", step.name, got, step.candidates)
		}
		if why, err := stage.Stale(); why != "" || err != nil {
			t.Errorf("%s: stale after it: %q, %v", step.name, why, err)
		}
	}
}

// TestRefuse holds that entries are added once, behind what people wrote.
func TestRefuse(t *testing.T) {
	dir := t.TempDir()
	entry := func(text string) refusal.Entry {
		t.Helper()
		e, ok, err := RefusalParser().Line(text)
		if !ok || err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return e
	}
	if n, err := Refuse(dir); n != 0 || err != nil || exists(filepath.Join(dir, RefusedName)) {
		t.Errorf("nothing: %d, %v", n, err)
	}
	refusals(t, dir, "# by hand\nurl HTTPS://Example.org:443/a/../b\nnonsense")
	n, err := Refuse(dir, entry("host a.example"), entry("url https://example.org/b"), entry("host A.example."), entry("pair 00000000000000ff"))
	if n != 2 || err != nil {
		t.Errorf("added %d, %v; want 2", n, err)
	}
	if err := RefuseAddress(dir, "https://example.org/c"); err != nil {
		t.Error(err)
	}
	for _, none := range []string{"", "ftp://a/", "https://a.example/\nhost com", "# x"} {
		if err := RefuseAddress(dir, none); err == nil {
			t.Errorf("%q was refused", none)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, RefusedName))
	if want := "# by hand\nurl HTTPS://Example.org:443/a/../b\nnonsense\nhost a.example\npair 00000000000000ff\nurl https://example.org/c\n"; string(text) != want || err != nil {
		t.Errorf("the list is %q, %v", text, err)
	}
	lines, err := RefusalFaults(dir)
	if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0], "refused.txt:3: ") {
		t.Errorf("lines that are none: %q, %v", lines, err)
	}
}

// TestRefuseFromMany holds that nothing is lost when several add at one time.
func TestRefuseFromMany(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := RefuseAddress(dir, fmt.Sprintf("https://example.org/%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := Refusals(dir)
	if err != nil || list.Len() != 20 {
		t.Errorf("%d entries, %v", list.Len(), err)
	}
	refuses, err := Refuser(dir)
	if err != nil || !refuses(&shard.Pair{ImageURL: "http://example.org/7"}) || refuses(&shard.Pair{ImageURL: "http://example.org/20"}) {
		t.Errorf("pairs are refused by another list: %v", err)
	}
}

// TestRefuseWhileCommandsBegin holds that commands which take the folder's lock, and sweep
// what killed ones left half written, take nothing from those who add to the list.
func TestRefuseWhileCommandsBegin(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := sweep(dir); err != nil {
					t.Error(err)
				}
			}
		}
	})
	const addresses = 200
	for i := range addresses {
		if err := RefuseAddress(dir, fmt.Sprintf("https://example.org/%d", i)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	if list, err := Refusals(dir); err != nil || list.Len() != addresses {
		t.Errorf("%d entries, %v", list.Len(), err)
	}
}

// TestRefusalsInSettings holds which stages a kind of entry makes stale.
func TestRefusalsInSettings(t *testing.T) {
	for _, tt := range []struct {
		line   string
		stages []string
	}{
		{"url https://example.org/", []string{CrawlName, MatchName, CurateName}},
		{"host example.org", []string{CrawlName, MatchName, CurateName}},
		{"pair 00000000000000ff", []string{CrawlName, MatchName, CurateName}},
		{"picture 00000000000000ff", []string{CurateName}},
		{"similar 00000000000000ff 4", []string{CurateName}},
		{"sha256 " + strings.Repeat("0f", 32), []string{CurateName}},
		{"# a comment", nil},
		{"nonsense", nil},
	} {
		t.Run(tt.line, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "list.zst"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			settings := func() map[string]string {
				all := map[string]string{}
				for name, by := range map[string]func() (string, error){
					CrawlName:  Crawl{Dir: dir}.Stage().Settings,
					MatchName:  func() (string, error) { return withRefusals(dir, "match", candidateKinds) },
					CurateName: func() (string, error) { return withRefusals(dir, "curate", allKinds) },
					FetchName:  Fetch{Dir: dir}.Stage().Settings,
					ShardName:  Shard{Dir: dir}.Stage().Settings,
				} {
					hash, err := by()
					if err != nil {
						t.Fatal(err)
					}
					all[name] = hash
				}
				return all
			}
			before := settings()
			refusals(t, dir, tt.line+"\n")
			var stale []string
			for name, hash := range settings() {
				if hash != before[name] {
					stale = append(stale, name)
				}
			}
			slices.Sort(stale)
			want := slices.Sorted(slices.Values(tt.stages))
			if !slices.Equal(stale, want) {
				t.Errorf("other settings: %v, want %v", stale, want)
			}
		})
	}
}
