package pipeline

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// Options are the settings of the whole road, the content of pairloom.yaml.
type Options struct {
	Seed      int64 `yaml:"seed" default:"1" doc:"seed of every choice but the trainer's: which pairs stay, in which order they lie"`
	Workers   int   `yaml:"workers" default:"0" range:"0..1024" pace:"true" doc:"workers of stages that compute; 0 means one for each processor"`
	MemoryMiB int   `yaml:"memory_mib" default:"512" range:"16.." pace:"true" doc:"memory of match, fetch, curate and shard in MiB, beside about 150 that any of them takes, and up to 220 where this is below 100; sorting, balancing and batches share it, and what does not fit is spilled to the folder"`

	Gate    gate.Options     `yaml:"gate" doc:"manners: how pairloom behaves towards other people's servers"`
	Crawl   crawl.Options    `yaml:"crawl" doc:"which pages are read"`
	Match   MatchOptions     `yaml:"match" doc:"which texts are kept"`
	Fetch   FetchOptions     `yaml:"fetch" doc:"how pictures are fetched and stored"`
	Filter  filter.Options   `yaml:"filter" doc:"rules that drop pairs for what they are"`
	Dedup   dedup.Options    `yaml:"dedup" doc:"what may not repeat"`
	Balance BalanceOptions   `yaml:"balance" doc:"how many pairs a query may have"`
	Shard   ShardOptions     `yaml:"shard" doc:"the finished dataset"`
	Train   trainer.Options  `yaml:"train" doc:"pre-training"`
	Eval    evaluate.Options `yaml:"eval" doc:"evaluation on the held-out pairs"`
}

// MatchOptions are the settings of the match stage.
type MatchOptions struct {
	Queries string `yaml:"queries" default:"english-500k" doc:"query list: the one that ships (english-500k), or a file"`
	Mode    string `yaml:"mode" default:"clean" choices:"clean|metaclip" doc:"what it means that a text contains a query: its words after folding, or MetaCLIP's bytes"`
	// KeepWithoutQuery is for lists whose every row is wanted.
	KeepWithoutQuery bool `yaml:"keep_without_query" default:"false" doc:"keep pairs whose text contains no query too, such as all rows of a list that was imported; no limit of pairs a query concerns them"`
	// PlaceholderTexts is the number of texts that tells a placeholder or logo.
	PlaceholderTexts int `yaml:"placeholder_texts" default:"10" range:"0..4096" doc:"a picture whose address stands under this many different texts on one site is a placeholder or a logo, and dropped; 0 keeps them"`
	// MaxURLUses counts each candidate of a picture's address, repeats too.
	MaxURLUses int `yaml:"max_url_uses" default:"0" range:"0..4096" doc:"drop a picture whose address stands more often than this with texts that pass, each place counted; 0 means no limit (OBELICS: 10)"`
	PartPairs  int `yaml:"part_pairs" default:"50000" range:"1.." doc:"pairs in one file of the matched folder"`
}

// FetchOptions are the settings of the fetch stage.
type FetchOptions struct {
	fetch.Options
	PartPictures int `yaml:"part_pictures" default:"1000" range:"1..1000000" doc:"pictures in one file of the images folder; the file is written when all of them are there"`
	// RevisitAfter is when a picture is asked for again that no page led to anew.
	RevisitAfter time.Duration `yaml:"revisit_after" default:"720h" range:"0s..87600h" pace:"true" doc:"a picture is asked for again after this long, on condition that it changed, and when a page that shows it was read anew; 0s means only then"`
	SaveEvery    time.Duration `yaml:"save_every" default:"30s" range:"0s..24h" pace:"true" doc:"how often the pictures of files that are not full yet are saved; a run that is killed asks again for those since, one that is stopped for none; 0s means when they take much memory and when it is stopped"`
	MaxDuration  time.Duration `yaml:"max_duration" default:"0s" range:"0s.." pace:"true" doc:"stop asking for pictures after this time; the next run goes on; 0s means no limit"`
	MaxBytes     int64         `yaml:"max_bytes" default:"0" range:"0.." pace:"true" doc:"bytes of pictures read in one run, as they came; the next run goes on; 0 means no limit"`
	// Retry asks again for pictures that failed for a passing reason.
	Retry bool `yaml:"-"`
}

// BalanceOptions are the settings of balancing, before fetching and at the end.
type BalanceOptions struct {
	Mode             string  `yaml:"mode" default:"cap" choices:"cap|probability" doc:"cap: a query keeps at most max_pairs_per_query pairs (CLIP); probability: it keeps each of its n pairs with probability max_pairs_per_query / n (MetaCLIP)"`
	MaxPairsPerQuery int     `yaml:"max_pairs_per_query" default:"20000" range:"0.." doc:"most pairs that one query keeps (CLIP: 20000); 0 means no limit"`
	Margin           float64 `yaml:"margin" default:"1.5" range:"0..1000" doc:"pairs that match keeps of a query, in times max_pairs_per_query; pictures are asked for among these until enough are good; 0 keeps them all"`
}

// Validate reports a margin that would fetch too few pictures.
func (o BalanceOptions) Validate() error {
	if o.Margin > 0 && o.Margin < 1 {
		return fmt.Errorf("margin is %v; use 0 to keep all pairs for fetching, or at least 1: below that fewer pictures are fetched than a query may keep", o.Margin)
	}
	return nil
}

// ShardOptions are the settings of the shard stage.
type ShardOptions struct {
	Pairs        int     `yaml:"pairs" default:"10000" range:"1.." doc:"pairs in one shard"`
	HeldoutShare float64 `yaml:"heldout_share" default:"0.02" range:"0..1" doc:"share of the pictures whose pairs are held out of training for evaluation; decided by a hash of the picture with the seed, so that no pair changes sides"`
	// Compact asks for all shards anew, without what was deleted.
	Compact bool `yaml:"-"`
}

// Validate asks the sections whose faults concern more than one value. Gate and
// crawl are asked by the stages that use them, since the others need no contact
// and no seeds.
func (o *Options) Validate() error {
	var faults []error
	for _, section := range []struct {
		name string
		err  error
	}{
		{"filter", o.Filter.Validate()},
		{"balance", o.Balance.Validate()},
		{"train", o.Train.Validate()},
		{"eval", o.Eval.Validate()},
	} {
		if section.err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", section.name, section.err))
		}
	}
	return errors.Join(faults...)
}

// workers is the number of goroutines that compute.
func (o *Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// memory is MemoryMiB in bytes.
func (o *Options) memory() int { return o.MemoryMiB << 20 }
