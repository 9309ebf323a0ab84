package shard

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The folders of a dataset. No other file spells their names.
const (
	CandidatesFolder  = "candidates" // one folder a producer, see [ProducerFolder]
	MatchedFolder     = "matched"
	ImagesFolder      = "images"
	SelectionFolder   = "selection"
	ShardsFolder      = "shards"
	ReportFolder      = "report"
	CheckpointsFolder = "checkpoints"
	EvaluationFolder  = "evaluation"
	EmbeddingsFolder  = "embeddings"
	ClassifiersFolder = "classifiers"
	IndexesFolder     = "indexes" // one folder a source of train.data whose pictures lie elsewhere
	WARCFolder        = "warc"    // of what a live crawl was answered, see crawl.warc
	// DryRunFolder holds what pairloom curate --dry-run shows. It is written without
	// the folder's lock, so that no stage fills or sweeps it.
	DryRunFolder = "dry-run"
)

// ProducerCrawl is the producer of what a live crawl finds.
const ProducerCrawl = "crawl"

// ProducerArchive begins the names of the producers of what archives hold, one a
// run.
const ProducerArchive = "archive-"

// ProducerList begins the names of the producers of what lists hold, one a run.
const ProducerList = "list-"

// ProducerFolder is where a producer of candidates writes, under the dataset's
// folder.
func ProducerFolder(producer string) string { return filepath.Join(CandidatesFolder, producer) }

// makers name the command that fills a folder.
var makers = map[string]string{
	CandidatesFolder: "crawl", MatchedFolder: "match", ImagesFolder: "fetch", SelectionFolder: "curate",
	ShardsFolder: "shard", ReportFolder: "report", CheckpointsFolder: "train", EvaluationFolder: "eval",
	EmbeddingsFolder: "embed",
}

// Maker names the command that fills the folder at path, and is "" for a folder
// that is none of a dataset's.
func Maker(path string) string {
	name, parent := filepath.Base(path), filepath.Base(filepath.Dir(path))
	switch {
	case parent == CandidatesFolder && strings.HasPrefix(name, ProducerList):
		return "import"
	case parent == CandidatesFolder && strings.HasPrefix(name, ProducerArchive):
		return "crawl --archive"
	case parent == IndexesFolder:
		return "train"
	case parent == CandidatesFolder, parent == EmbeddingsFolder:
		name = parent
	}
	return makers[name]
}

// Prefixes of the names of shards: which of the two a pair lies in is decided
// once, and nothing but the name tells.
const (
	Training = "shard-"
	HeldOut  = "heldout-"
)

// IsHeldOut tells whether the part is one of pairs that training never sees.
func (p Part) IsHeldOut() bool { return strings.HasPrefix(p.Name, HeldOut) }

// Folders lists the folders that stages fill.
func Folders() []string { return slices.Sorted(maps.Keys(makers)) }
