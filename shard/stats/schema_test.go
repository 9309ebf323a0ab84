package stats

import (
	"bytes"
	"os"
	"reflect"
	"testing"

	"github.com/pairloom/pairloom/internal/jsonschema"
)

// TestSchema holds the page on stats.json, its JSON Schema and what is written against
// one another: a field that the page does not describe fails it.
func TestSchema(t *testing.T) {
	page, err := os.ReadFile("../docs/stats.md")
	if err != nil {
		t.Fatal(err)
	}
	s, faults := jsonschema.Of(reflect.TypeFor[Stats](), "https://github.com/pairloom/pairloom/blob/main/shard/docs/stats.schema.json", "stats.json of pairloom, schema_version 3", string(page))
	for _, f := range faults {
		t.Errorf("shard/docs/stats.md: %s", f)
	}
	const file = "../docs/stats.schema.json"
	if *update {
		if err := os.WriteFile(file, s.Encode(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Encode(), want) {
		t.Errorf("%s differs; look at it with go test -update and git diff", file)
	}
	for _, name := range []string{"some", "none", "trained"} { // which TestGolden holds against what Write writes
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Check(text) {
			t.Errorf("%s.json: %s", name, f)
		}
	}
}
