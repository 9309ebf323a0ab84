package crawl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/alttext"
)

// Options say what is crawled. They are the section crawl of pairloom.yaml.
type Options struct {
	Seeds          []string      `yaml:"seeds" default:"" doc:"addresses to start from"`
	Scope          string        `yaml:"scope" default:"host" choices:"host|domain|any" doc:"which links are followed: on a seed's host (with or without www.), on its registered domain, or any"`
	Hosts          []string      `yaml:"hosts" default:"" doc:"more hosts to follow links to, with their port unless it is 80 or 443"`
	MaxPages       int64         `yaml:"max_pages" default:"0" range:"0.." doc:"pages asked for in one run; 0 means no limit"`
	MaxPerHost     int           `yaml:"max_per_host" default:"20000" range:"0.." doc:"pages asked for on one host, over all runs; 0 means no limit"`
	MaxBytes       int64         `yaml:"max_bytes" default:"0" range:"0.." doc:"bytes of pages read in one run, decoded; 0 means no limit"`
	MaxHops        int           `yaml:"max_hops" default:"20" range:"0..1000" doc:"links followed from a seed"`
	MaxDuration    time.Duration `yaml:"max_duration" default:"0s" range:"0s.." pace:"true" doc:"stop taking pages after this time; 0s means no limit"`
	Workers        int           `yaml:"workers" default:"8" range:"1..1024" pace:"true" doc:"pages read at one time, over all hosts"`
	Attempts       int           `yaml:"attempts" default:"2" range:"1..20" doc:"times a page is asked for when the failure may pass"`
	RevisitAfter   time.Duration `yaml:"revisit_after" default:"720h" range:"0s.." doc:"when a page is asked for again, by the first run after it; from then on sooner by a fifth when it has changed and later by two fifths when not, between one day and 90"`
	Patience       time.Duration `yaml:"patience" default:"5s" range:"0s.." pace:"true" doc:"when all that is left at one distance from the seeds is on hosts that stay silent or must be left alone for this long, pages further away are asked for on other hosts; 0s means never"`
	Sitemaps       bool          `yaml:"sitemaps" default:"true" doc:"follow the sitemaps that a host's robots.txt names, and the feeds that seeds and front pages name"`
	Steer          bool          `yaml:"steer" default:"true" doc:"once there are matched pairs, ask first for pages whose link holds queries that have few"`
	WARC           bool          `yaml:"warc" default:"false" pace:"true" doc:"also keep the pages that are read as WARC files, in the folder warc"`
	PartCandidates int           `yaml:"part_candidates" default:"50000" range:"1..10000000" doc:"candidates in one file"`
}

// Validate reports every fault that a field's range cannot.
func (o Options) Validate() error {
	var faults []error
	if len(o.Seeds) == 0 {
		faults = append(faults, errors.New("crawl.seeds is empty: name at least one address to start from, such as https://example.org/"))
	}
	for _, s := range o.Seeds {
		if _, err := seedURL(s); err != nil {
			faults = append(faults, err)
		}
	}
	for _, h := range o.Hosts {
		if h == "" || strings.ContainsAny(h, "/ @") {
			faults = append(faults, fmt.Errorf("crawl.hosts %q must be a host such as example.org, without scheme or path", h))
		}
	}
	return errors.Join(faults...)
}

// seedURL brings a seed to the spelling that pages have.
func seedURL(s string) (string, error) {
	if u, err := url.Parse(strings.TrimSpace(s)); err == nil && u.Host != "" {
		if full, ok := alttext.Resolve(u, s); ok {
			return full, nil
		}
	}
	return "", fmt.Errorf("crawl.seeds %q must be a whole http or https address", s)
}
