package build

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// TestTempIsSwept holds that what a killed build left goes, but not under the
// hands of a build that is under way in the same folder.
func TestTempIsSwept(t *testing.T) {
	temp := filepath.Join(t.TempDir(), "made", "when missing")
	half := filepath.Join(temp, "0123-v1.words.zst"+atomicfile.Suffix)
	there := func() bool { _, err := os.Stat(half); return err == nil }
	open := func() func() error {
		release, err := openTemp(temp)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	first := open()
	if err := os.WriteFile(half, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if open()(); !there() {
		t.Error("a second build takes a file that the first is writing")
	}
	first()
	if open()(); there() {
		t.Error("what a killed build left half written stays")
	}
}

// TestFailedBuildLeavesNoHalfFile makes the second file of counts impossible.
func TestFailedBuildLeavesNoHalfFile(t *testing.T) {
	o := options(t, 1, "testdata/small.xml")
	sum, err := hashFile(context.Background(), o.Dumps[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(o.Temp, sum+"-v"+countsVersion+".phrases.zst"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), o); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	left, err := filepath.Glob(filepath.Join(o.Temp, "*"+atomicfile.Suffix))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
