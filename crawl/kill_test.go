package crawl

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/crawl/archive"
)

// TestKillOften kills crawlers at moments drawn from all requests of a crawl, one
// after another in the same folder until the crawl comes to its end, and begins
// anew until there were enough. Each crawl gives the candidates of an unbroken
// one, and no page is asked for that the frontier had the answer of: what is asked
// for twice was leased when the crawler died.
func TestKillOften(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("PAIRLOOM_KILLS")); err == nil {
		kills = n
	}
	if testing.Short() {
		kills = 3
	}
	s := newSite(t)
	var whole strings.Builder
	if _, err := run(context.Background(), t.TempDir(), options(s.URL), &whole); err != nil {
		t.Fatal(err)
	}
	const seed = 13
	random := rand.New(rand.NewPCG(seed, seed))
	var mu sync.Mutex
	known := map[string]bool{} // answered for good, as the file had it at the last kill
	s.path.Store(func(path string) {
		mu.Lock()
		defer mu.Unlock()
		if known[path] {
			t.Errorf("seed %d: %s is asked for again, though its answer was stored", seed, path)
		}
	})
	dir := t.TempDir()
	for killed := 0; killed < kills; {
		after := 1 + random.Int64N(90)
		var out strings.Builder
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n4\n0", childEnv, dir, s.URL))
		cmd.Stdout, cmd.Stderr = &out, io.Discard
		now, err := s.killAfter(t, cmd, after)
		switch {
		case now:
			killed++
			mu.Lock()
			known = answered(t, dir)
			mu.Unlock()
		case err != nil:
			t.Fatal(err)
		default:
			if out.String() != whole.String() {
				t.Fatalf("seed %d: after %d kills in all, a crawl gives other candidates than one that was never killed", seed, killed)
			}
			dir = t.TempDir()
			mu.Lock()
			clear(known)
			mu.Unlock()
		}
	}
	var out strings.Builder
	if _, err := run(context.Background(), dir, options(s.URL), &out); err != nil || out.String() != whole.String() {
		t.Errorf("seed %d: the last crawl gives other candidates, %v", seed, err)
	}
}

// TestKillWARC kills crawlers that keep their pages as WARC files, over and over in one
// folder. After the run that comes to its end all files are whole, and no page that
// is kept lacks its record, nor the site its robots.txt.
func TestKillWARC(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	const seed = 14
	random := rand.New(rand.NewPCG(seed, seed))
	kills := 6
	if testing.Short() {
		kills = 2
	}
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n4\n0\nwarc", childEnv, dir, s.URL))
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		// One that is not killed had fewer left.
		if _, err := s.killAfter(t, cmd, 5+random.Int64N(25)); err != nil {
			t.Fatal(err)
		}
	}
	o := options(s.URL)
	o.WARC = true
	if _, err := run(t.Context(), dir, o, io.Discard); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "warc", "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %q, %v", files, err)
	}
	recorded := map[string]bool{}
	for _, path := range files {
		if !strings.HasSuffix(path, ".warc.gz") {
			t.Errorf("seed %d: %s is left", seed, path)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r := archive.NewReader(f, func(reason string, at int64) { t.Errorf("seed %d: %s at %d of %s", seed, reason, at, path) })
		record, err := r.Next()
		for ; err == nil; record, err = r.Next() {
			if record.Type == "response" {
				recorded[record.URI] = true
			}
		}
		if err != io.EOF {
			t.Errorf("seed %d: %s: %v", seed, path, err)
		}
		r.Close()
		f.Close()
	}
	if !recorded[s.URL+"/robots.txt"] {
		t.Error("no record of robots.txt")
	}
	db, err := sql.Open("sqlite3", File(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT url FROM pages WHERE copy")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	kept := 0
	for rows.Next() {
		var address string
		if err := rows.Scan(&address); err != nil {
			t.Fatal(err)
		}
		if kept++; !recorded[address] {
			t.Errorf("seed %d: %s is kept and has no record", seed, address)
		}
	}
	if err := rows.Err(); err != nil || kept < 60 {
		t.Errorf("%d pages kept, %v", kept, err)
	}
}

// answered are the paths whose answer the frontier has and does not ask for again
// within a run.
func answered(t *testing.T, dir string) map[string]bool {
	t.Helper()
	db, err := sql.Open("sqlite3", File(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT url FROM pages WHERE state = 2 AND fetched > 0")
	if err != nil { // killed before the tables were made
		return map[string]bool{}
	}
	defer rows.Close()
	paths := map[string]bool{}
	for rows.Next() {
		var address string
		if err := rows.Scan(&address); err != nil {
			t.Fatal(err)
		}
		if u, err := url.Parse(address); err == nil {
			paths[u.RequestURI()] = true
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return paths
}
