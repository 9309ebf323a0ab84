package evaluate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/pairloom/pairloom/internal/jsonschema"
	"github.com/pairloom/pairloom/shard"
)

var updateSchema = flag.Bool("update-schema", false, "write the schema of eval.json anew")

// TestSchema holds the page on eval.json, its JSON Schema and what is encoded against
// one another: a field that the page does not describe fails it.
func TestSchema(t *testing.T) {
	page, err := os.ReadFile("../../shard/docs/eval.md")
	if err != nil {
		t.Fatal(err)
	}
	s, faults := jsonschema.Of(reflect.TypeFor[Result](), "https://github.com/pairloom/pairloom/blob/main/shard/docs/eval.schema.json", "eval.json of pairloom, schema_version 1", string(page))
	for _, f := range faults {
		t.Errorf("shard/docs/eval.md: %s", f)
	}
	const file = "../../shard/docs/eval.schema.json"
	if *updateSchema {
		if err := os.WriteFile(file, s.Encode(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Encode(), want) {
		t.Errorf("%s differs; look at it with go test -update-schema and git diff", file)
	}
	recall := []Recall{{K: 1, Accuracy: Accuracy{Rate: .5}}}
	zeroShot := &ZeroShot{Templates: []string{"{label}"}, Labels: []ClassResult{{"fox", 2, 1}}, Empty: []string{"cat"}}
	for name, r := range map[string]Result{
		"all": {SchemaVersion: SchemaVersion, Tally: shard.NewTally("eval", "pairs", "pairs"), ImageToText: Retrieval{Recall: recall}, TextToImage: Retrieval{Recall: recall},
			ZeroShot: zeroShot, Sets: []SetResult{{Set: "folder:x", Tally: shard.NewTally("eval", "pictures", "pictures"), ZeroShot: zeroShot}}, Seen: &Seen{Rule: "leave_out", Ways: map[string]int64{"pair": 1}, First: []SeenPair{{"0123456789abcdef", "pair"}}}, Probe: &Probe{}, Robustness: &Robustness{}},
		"little": {Tally: shard.NewTally("eval", "pairs", "pairs"), ImageToText: Retrieval{Recall: recall}, TextToImage: Retrieval{Recall: recall}},
	} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Check(text) {
			t.Errorf("%s: %s", name, f)
		}
	}
}
