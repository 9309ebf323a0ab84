package shard

import "testing"

// TestMaker: what fills a folder is named as people type it.
func TestMaker(t *testing.T) {
	for path, want := range map[string]string{
		"cats/candidates/crawl":         "crawl",
		"cats/candidates/archive-site":  "crawl --archive",
		"cats/candidates/list-cc12m":    "import",
		"cats/embeddings/pictures":      "embed",
		"cats/indexes/laion-1a2b3c4d":   "train",
		"cats/shards":                   "shard",
		"list-cc12m/candidates":         "crawl",
		"cats/something/list-of-a-kind": "",
	} {
		if got := Maker(path); got != want {
			t.Errorf("%s is filled by %q, want %q", path, got, want)
		}
	}
}
