package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// results reads those of a folder, by name.
func results(folder string) ([]result, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read results of %s: %w", folder, fs.ErrNotExist)
	}
	var list []result
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// printTable prints all results of a folder, as far as they are there.
func printTable(folder string) error {
	list, err := results(folder)
	if err != nil {
		return err
	}
	var most float64
	peers := map[string]result{}
	key := func(r result) string { return fmt.Sprintf("%s %d", r.Model, r.Batch) }
	for _, r := range list {
		switch {
		case r.What == "product":
			most = r.FlopsPerSecond
			fmt.Printf("%s: a product of %d x %d x %d in bf16 at %.1f TFLOP/s\n\n", r.Device, r.Batch, r.Batch, r.Batch, most/1e12)
		case r.What == "step" && r.Program == "open_clip":
			peers[key(r)] = r
		}
	}
	fmt.Print("| model, batch | pairs/s | of the product | peak memory | open_clip pairs/s | its peak | times as fast | of its memory |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range list {
		if r.What != "step" || r.Program != "pairloom" {
			continue
		}
		cells := []string{fmt.Sprintf("%s, %d, %s", r.Model, r.Batch, r.Precision), fmt.Sprintf("%.1f", r.PairsPerSecond), "", fmt.Sprintf("%.2f GB", float64(r.Peak)/1e9), "", "", "", ""}
		if most > 0 {
			cells[2] = fmt.Sprintf("%.1f%%", 100*r.FlopsPerSecond/most)
		}
		if p, there := peers[key(r)]; there {
			cells[4], cells[5] = fmt.Sprintf("%.1f", p.PairsPerSecond), fmt.Sprintf("%.2f GB", float64(p.Peak)/1e9)
			cells[6], cells[7] = fmt.Sprintf("%.2f", r.PairsPerSecond/p.PairsPerSecond), fmt.Sprintf("%.2f", float64(r.Peak)/float64(p.Peak))
		}
		fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	}
	for _, r := range list {
		switch r.What {
		case "train":
			fmt.Printf("\ntraining from shards, %s, batch %d: %d steps, %.1f pairs/s; %.1f s of waiting for data, %.1f s of computing\n",
				r.Model, r.Batch, r.Steps, r.PairsPerSecond, r.Data, r.Compute)
		case "profile":
			fmt.Printf("\n%s, %d pairs, by events:\n\n| kernel | calls | ms |\n|---|---|---|\n", r.Model, r.Batch)
			for _, k := range r.Kernels[:min(10, len(r.Kernels))] {
				fmt.Printf("| %s | %d | %.2f |\n", k.Name, k.Calls, 1e3*k.Seconds)
			}
		}
	}
	return nil
}
