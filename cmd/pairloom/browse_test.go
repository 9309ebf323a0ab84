package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// browsing starts pairloom browse on a free port, and returns the page's address.
func browsing(t *testing.T, dir string) string {
	t.Helper()
	c := program(t, "browse", "-C", dir, "--port", "0", "--json", "--quiet")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		c.Wait() // a server that is interrupted has done its work
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Address string
		Pairs   int
		Shards  int `json:"pairs_in_shards"`
	}
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	dataset, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	if int64(told.Shards) != dataset.Manifest().Rows() || told.Pairs <= told.Shards || !strings.HasPrefix(told.Address, "http://127.0.0.1:") {
		t.Errorf("it says %s", line)
	}
	return told.Address
}

func read(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", address, answer.StatusCode, err, body)
	}
	return string(body)
}

// TestBrowse looks through a dataset that the whole road made: each page is there, each
// picture of the grid, and the way of a pair is that of pairloom explain.
func TestBrowse(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	dir := finished(t)
	if out, err := program(t, "embed", "pictures", "-C", dir, "--quiet").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	page := browsing(t, dir)
	grid := read(t, page)
	ids := regexp.MustCompile(`data-pair="([0-9a-f]{16})"`).FindAllStringSubmatch(grid, -1)
	if len(ids) < 10 {
		t.Fatalf("the grid has %d pairs:\n%s", len(ids), grid)
	}
	for _, id := range ids {
		if picture := read(t, page+"picture/"+id[1]); len(picture) < 100 {
			t.Errorf("the picture of %s has %d bytes", id[1], len(picture))
		}
	}
	for _, path := range []string{"?q=is:dropped", "dropped", "alike", "queries", "hosts", "pair/" + ids[0][1]} {
		read(t, page+path)
	}
	if near := read(t, page+"?q=a+plot&by=meaning"); !strings.Contains(near, "nearest") || !strings.Contains(near, `class="score"`) {
		t.Errorf("a search by meaning shows\n%s", near)
	}
	near := read(t, page+"?q=like:"+ids[0][1])
	if first := regexp.MustCompile(`data-pair="([0-9a-f]{16})"`).FindStringSubmatch(near); len(first) == 0 || first[1] != ids[0][1] || !strings.Contains(near, ">1.000<") {
		t.Errorf("nearest to %s is %v", ids[0][1], first)
	}
	w, err := openWorkspace(dir, (&global{stderr: io.Discard}).logger())
	if err != nil {
		t.Fatal(err)
	}
	e, err := pipeline.Explain(dir, w.cfg, ids[0][1])
	if err != nil {
		t.Fatal(err)
	}
	way := read(t, page+"road?asked="+url.QueryEscape(ids[0][1]))
	for _, want := range []string{e.Pairs[0].Page, e.Pairs[0].Shard, e.Image.Size} {
		if !strings.Contains(way, want) {
			t.Errorf("its way has not %q:\n%s", want, way)
		}
	}

	token := regexp.MustCompile(`name="token" content="([^"]+)"`).FindStringSubmatch(grid)
	answer, err := http.PostForm(page+"refuse", url.Values{"pair": {ids[0][1]}, "token": {token[1]}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	list, err := os.ReadFile(filepath.Join(dir, pipeline.RefusedName))
	if err != nil || answer.StatusCode != http.StatusOK || string(list) != "url "+e.Pairs[0].Image+"\n" {
		t.Errorf("status %d; the list is %q, %v", answer.StatusCode, list, err)
	}
	if again := read(t, browsing(t, dir)); !strings.Contains(again, `class="cell refused" id="`+ids[0][1]) {
		t.Error("who starts again does not see what was refused")
	}
}

func TestBrowseWithoutPairs(t *testing.T) {
	dir := newFolder(t, testSettings(newSite(t)))
	out, err := program(t, "browse", "-C", dir, "--port", "0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "run pairloom run first") {
		t.Errorf("%v: %s", err, out)
	}
}
