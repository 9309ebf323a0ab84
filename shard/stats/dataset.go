package stats

import (
	"encoding/json"
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// Dataset says which dataset the figures are of, from its own files and settings.
type Dataset struct {
	Name     string `json:"name"`
	Version  string `json:"version"`           // see VersionOf
	Hash     string `json:"hash"`              // of the live pairs
	License  string `json:"license,omitempty"` // of the collection, as its maker states it
	URL      string `json:"url,omitempty"`
	Contact  string `json:"contact,omitempty"` // whom the servers that were asked could turn to
	Software string `json:"software"`
	Seed     int64  `json:"seed"`
	Training int64  `json:"train_pairs"`
	HeldOut  int64  `json:"held_out_pairs"`
	Deleted  int64  `json:"deleted_rows,omitempty"` // that the files hold beside these pairs
	Queries  List   `json:"query_list"`
	// Settings are those that decide what is in the dataset: keys as in pairloom.yaml.
	Settings map[string]json.RawMessage `json:"settings"`
	// OtherSettings names the stages that ran by other settings than these.
	OtherSettings []string           `json:"stages_of_other_settings"`
	Generations   []shard.Generation `json:"generations"`
}

// List is the query list.
type List struct {
	Name    string `json:"name"`
	Entries int    `json:"entries"`
	Hash    string `json:"hash"`
}

// VersionOf is the version of a dataset of so many generations, as semantic versions
// are written: who has 3.0.0 lacks what generation 4 added, and has what it removed.
func VersionOf(generation int) string { return fmt.Sprintf("%d.0.0", generation) }
