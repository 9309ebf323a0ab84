package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/readers"
)

// missing is what validate.py ends with where a module that it needs is not installed.
const missing = 77

// TestReaders opens an export of each format, in which a whole file has lost its rows,
// with the tools that it is for: they see all pairs, each picture and text as it is.
func TestReaders(t *testing.T) {
	python := readers.Python(t)
	g := newDataset(t).change(7, [2]int{100, 121}, [2]int{0, 5}).change(7, [2]int{}, [2]int{}, 102, 104, 105, 106, 107, 3)
	for _, tt := range []struct {
		reader string
		o      Options
	}{
		{WebDataset, Options{Format: WebDataset, Size: 4}},
		{"open_clip", Options{Format: WebDataset, Size: 4}},
		{Parquet, Options{Format: Parquet, Size: 4, Pictures: true}},
		{Folder, Options{Format: Folder, Size: 4}},
		{HuggingFace, Options{Format: HuggingFace, Size: 4}},
		{Datasets, Options{Format: Datasets, Size: 4}},
	} {
		t.Run(tt.reader, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "to")
			g.export(to, tt.o)
			cache := t.TempDir()
			c := exec.Command(python, "testdata/validate.py", tt.o.Format, to, tt.reader)
			c.Env = append(os.Environ(), "CACHE="+cache, "HF_HOME="+cache, "HF_HUB_OFFLINE=1", "HF_DATASETS_DISABLE_PROGRESS_BARS=1", "PYTHONWARNINGS=ignore")
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Run(); c.ProcessState != nil && c.ProcessState.ExitCode() == missing {
				t.Skip(out.String())
			} else if err != nil {
				t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
			}
			var want []string
			for split, list := range g.live {
				for _, n := range list {
					p := pairOf(n)
					text, _ := json.Marshal(p.Text)
					line := fmt.Sprintf("%s\t%016x\t%016x\t%s", split, p.PairID, xxhash.Sum64(p.Image), asciiJSON(string(text)))
					if tt.reader == "open_clip" {
						line = "train\t" + asciiJSON(string(text))
						if split != Train {
							continue
						}
					}
					want = append(want, line)
				}
			}
			got := strings.Split(strings.TrimSpace(out.String()), "\n")
			slices.Sort(got)
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("%s sees\n%s\nwant\n%s", tt.reader, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// asciiJSON writes JSON as Python does, with no letter beyond ASCII.
func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
