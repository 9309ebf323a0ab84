package export

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedRecord holds that with a damaged record nothing is touched, until --replace
// writes anew what it names still; what it does not name is another's.
func TestDamagedRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	flipped := func(record string) string { return strings.Replace(record, `"finished"`, `"finishet"`, 1) }
	for _, tt := range []struct {
		name   string
		damage func(record string) string
		lost   bool // what it named
	}{
		{name: "a byte of a key", damage: flipped},
		{name: "the end is gone", damage: func(record string) string { return record[:len(record)-3] }},
		{name: "a byte of the first name", damage: func(record string) string { return strings.Replace(record, `"name": "`, `"name": "/`, 1) }, lost: true},
		{name: "all but the start is gone", damage: func(string) string { return "{" }, lost: true},
		{name: "empty", damage: func(string) string { return "" }, lost: true},
	} {
		for _, o := range each() {
			t.Run(tt.name+" "+o.Format, func(t *testing.T) {
				g := newDataset(t).change(7, [2]int{10, 16}, [2]int{0, 2})
				to := filepath.Join(t.TempDir(), "to")
				g.export(to, o)
				lay(t, to, map[string]string{"LICENSE": "mine", "train/00000/notes.txt": "mine", RecordName: tt.damage(filesIn(t, to)[RecordName])})
				before := filesIn(t, to)
				g.change(7, [2]int{16, 18}, [2]int{}, 11, 0, 1)
				e := &Export{Dataset: g.open(), To: to, Options: o}
				_, err := e.Run(t.Context())
				var refused *RefusedError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), to+"/"+RecordName) || !strings.Contains(err.Error(), "give --replace") {
					t.Errorf("%v, want it refused", err)
				}
				sameFiles(t, "refused", filesIn(t, to), before)
				e.Replace = true
				_, err = e.Run(t.Context())
				if tt.lost {
					if !errors.As(err, &refused) || !strings.Contains(err.Error(), "move them away") {
						t.Errorf("with --replace: %v, want it refused", err)
					}
					sameFiles(t, "refused", filesIn(t, to), before)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				now, fresh := filesIn(t, to), filepath.Join(t.TempDir(), "fresh")
				if g.export(fresh, o); now["LICENSE"] != "mine" || now["train/00000/notes.txt"] != "mine" {
					t.Error("what is beside it did not stay")
				}
				delete(now, "LICENSE")
				delete(now, "train/00000/notes.txt")
				sameFiles(t, "mended", now, filesIn(t, fresh))
			})
		}
	}
}

// TestLostRecord holds that without a record nothing there is an export's.
func TestLostRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	g := newDataset(t).change(7, [2]int{10, 16}, [2]int{0, 2})
	for _, o := range each() {
		to := filepath.Join(t.TempDir(), "to")
		g.export(to, o)
		if err := os.Remove(filepath.Join(to, RecordName)); err != nil {
			t.Fatal(err)
		}
		before := filesIn(t, to)
		_, err := (&Export{Dataset: g.open(), To: to, Options: o, Replace: true}).Run(t.Context())
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v, want it refused", o.Format, err)
		}
		sameFiles(t, "refused", filesIn(t, to), before)
	}
}
