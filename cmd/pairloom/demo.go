package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

// demoValues are the demo's departures from the defaults: a site of our own on
// loopback needs no pauses, and a manual's icons are small.
func demoValues(address, seed string) map[string]string {
	return map[string]string{
		"crawl.seeds":                   yamlList([]string{"http://" + address + seed}),
		"gate.contact":                  yamlText("mailto:demo@localhost"),
		"gate.allow_addresses":          yamlList([]string{address}),
		"gate.delay":                    "0s",
		"gate.latency_factor":           "0",
		"gate.connections_per_host":     "4",
		"fetch.part_pictures":           "256",
		"match.part_pairs":              "1000",
		"filter.picture.min_short_side": "16",
		"shard.pairs":                   "500",
		"shard.heldout_share":           "0.1",
		"train.epochs":                  "45",
		"train.validate_every":          "27",
		// A manual does not say "a photo of"; these are how its texts read.
		"eval.templates": yamlList([]string{"{label}", "The {label}", "Example of {label}", "{label} example"}),
	}
}

func newDemo(g *global) *cobra.Command {
	var pages, listen, seed string
	c := &cobra.Command{
		Use: "demo", Short: "Serve a folder of pages on loopback and do the whole road on it",
		Long: `Serve a folder of pages on a loopback address, and do the whole road on it, from
crawling to a trained and evaluated model. The folder given by -C receives a
configuration at the first run; later runs go on from where the last one ended.`,
		Example: `  pairloom demo -C demo --pages testdata/site --seed /index.html`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			address, stop, err := serveFolder(pages, listen)
			if err != nil {
				return err
			}
			defer stop()
			if _, err := os.Stat(filepath.Join(g.dir, config.FileName)); errors.Is(err, fs.ErrNotExist) {
				if _, err := writeConfiguration(g.dir, demoValues(address, seed)); err != nil {
					return err
				}
			}
			return g.withWorkspace(c.Context(), "demo", func(w *workspace) error {
				return g.demo(c.Context(), w)
			})
		},
	}
	c.Flags().StringVar(&pages, "pages", "", "`folder` of web pages")
	c.Flags().StringVar(&seed, "seed", "/index.html", "`path` of the first page")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8765", "loopback `address` to serve them on")
	c.MarkFlagRequired("pages")
	return c
}

func (g *global) demo(ctx context.Context, w *workspace) error {
	if err := g.runStages(ctx, w, runOptions{}); err != nil {
		return err
	}
	if !g.json && !g.quiet {
		fmt.Fprintf(g.stdout, "\nThe report: %s\nWhat became of a picture: pairloom explain -C %s URL\n", w.path(filepath.Join(shard.ReportFolder, "index.html")), g.dir)
	}
	return nil
}
