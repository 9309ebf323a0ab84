package main

import "testing"

func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	site := newSite(t)
	var want map[string]string
	numbers := []string{"1", "2", "8"}
	if testing.Short() {
		numbers = []string{"1", "8"}
	}
	for _, workers := range numbers {
		values := testSettings(site)
		values["workers"] = workers
		values["crawl.workers"] = workers
		values["fetch.workers"] = workers
		values["fetch.decode_children"] = workers
		values["gate.connections_per_host"] = workers
		values["memory_mib"] = map[string]string{"1": "16", "2": "64", "8": "512"}[workers]
		dir := newFolder(t, values)
		must(t, "run", "-C", dir, "--to", "report")
		got := hashes(t, dir, dataFolders...)
		if want == nil {
			want = got
		}
		sameFiles(t, workers+" workers", got, want)
	}
}
