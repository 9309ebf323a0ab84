package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/readers"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/export"
)

// pairsIn are the pairs of a folder's shards: id, text and the hash of the picture as it
// is stored, or "" for those without.
func pairsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	d, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]bool{}
	for row, err := range d.Rows("") {
		if err != nil {
			t.Fatal(err)
		}
		pairs[fmt.Sprintf("%016x %s %q %016x", row.PairID, row.ImageURL, row.Text, xxhash.Sum64(row.Image))] = true
	}
	return pairs
}

// TestExportAndImport holds that what is exported and imported again in another folder
// is the same pairs, each text and each byte of each picture.
func TestExportAndImport(t *testing.T) {
	if testing.Short() {
		t.Skip("it does the road once for each format")
	}
	dir := finished(t)
	want := pairsIn(t, dir)
	settings := testSettings(newSite(t))
	maps.Copy(settings, listSettings)
	settings["fetch.format"] = "original"
	settings["dedup.picture_distance"] = "0"
	for _, format := range export.Formats {
		t.Run(format, func(t *testing.T) {
			args := []string{"export", "--format=" + format, "-C", dir, "--to", filepath.Join(t.TempDir(), "to"), "--shard-size", "20"}
			if format == export.Parquet {
				args = append(args, "--pictures")
			}
			must(t, args...)
			other := newFolder(t, settings)
			must(t, "import", "-C", other, args[5])
			must(t, "run", "-C", other, "--from", "match", "--to", "shard")
			got := pairsIn(t, other)
			for p := range want {
				if !got[p] {
					t.Errorf("lost: %s", p)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d pairs, want %d", len(got), len(want))
			}
		})
	}
}

// TestExportKilled kills the real program with -9 at moments of an export, first into
// nothing, then of a dataset that changed: the next run ends as if nothing had been.
func TestExportKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	dir := finished(t)
	for _, format := range []string{export.WebDataset, export.Folder} {
		whole := filepath.Join(t.TempDir(), "whole")
		in := func(to string) []string {
			return []string{"export", "--format=" + format, "-C", dir, "--to", to, "--shard-size", "30", "--workers", "1"}
		}
		must(t, in(whole)...)
		want := hashes(t, whole, ".")
		kills := 0
		for n := 1; ; n += 2 + n/3 {
			to := filepath.Join(t.TempDir(), "to")
			c := program(t, in(to)...)
			c.Env = append(c.Env, fmt.Sprintf("%s=%d %s", killAt, n, to))
			err := c.Run()
			if err == nil {
				break
			}
			if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s, moment %d: %v", format, n, err)
			}
			kills++
			must(t, in(to)...)
			sameFiles(t, fmt.Sprintf("%s, killed at moment %d", format, n), hashes(t, to, "."), want)
		}
		if kills < 3 {
			t.Errorf("%s: only %d kills", format, kills)
		}
	}
}

// TestExportCommand lists what the command says, and its exit codes.
func TestExportCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	dir := finished(t)
	empty := newFolder(t, testSettings(newSite(t)))
	to, link := filepath.Join(t.TempDir(), "to"), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, shard.CheckpointsFolder), link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"export", "-C", dir, "--to", to}, exitConfiguration, "--format is missing: name one of webdataset"},
		{[]string{"export", "parquet", "-C", dir, "--to", to}, exitConfiguration, "takes no arguments"},
		{[]string{"export", "--format", "zip", "-C", dir, "--to", to}, exitConfiguration, "webdataset, parquet, folder, huggingface or datasets expected"},
		{[]string{"export", "--format=parquet", "-C", dir}, exitConfiguration, "--to is missing"},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", to, "--columns", "with"}, exitConfiguration, `no column "with"`},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", filepath.Join(dir, shard.ShardsFolder)}, exitConfiguration, "which a stage fills"},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", dir}, exitConfiguration, "own folder"},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", filepath.Join(link, "foo")}, exitConfiguration, "which a stage fills"},
		{[]string{"export", "model", "-C", dir, "--to", dir}, exitConfiguration, "own folder"},
		{[]string{"export", "model", "-C", dir, "--to", filepath.Join(dir, shard.CheckpointsFolder, "foo")}, exitConfiguration, "which a stage fills"},
		{[]string{"export", "model", "-C", dir, "--to", filepath.Join(link, "foo")}, exitConfiguration, "which a stage fills"},
		{[]string{"export", "--format=parquet", "-C", empty, "--to", to}, exitConfiguration, "run pairloom shard first"},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", to, "--split", "train"}, exitDone, "1 written"},
		{[]string{"export", "--format=parquet", "-C", dir, "--to", to, "--split", "train"}, exitDone, "all was there"},
		{[]string{"export", "--format=folder", "-C", dir, "--to", to}, exitConfiguration, "give --replace"},
		{[]string{"export", "--format=folder", "-C", dir, "--to", to, "--replace", "--json"}, exitDone, `"written": 2`},
		{[]string{"export", "--format=folder", "-C", dir, "--to", "s3://u:p@b/c"}, exitConfiguration, "environment alone"},
	} {
		code, out, errs := pairloom(t, tt.args...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s%s", tt.args, code, tt.code, tt.want, out, errs)
		}
	}
	lock, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := pairloom(t, "export", "--format=folder", "-C", dir, "--to", to); code != exitLocked || !strings.Contains(errs, "wait for it to end") {
		t.Errorf("beside another export: exit %d, %s", code, errs)
	}
}

// TestExportDiskFull exports to a file system that is too small, then to one that is not.
func TestExportDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := finished(t)
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a small tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	for _, format := range []string{export.WebDataset, export.Folder} {
		to := filepath.Join(mount, format)
		code, _, errs := pairloom(t, "export", "--format="+format, "-C", dir, "--to", to)
		if code != exitStorage || !strings.Contains(errs, to+"/") || !strings.Contains(errs, "no space left on device; run again to go on") {
			t.Errorf("%s: exit %d, %s", format, code, errs)
		}
		if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
		must(t, "export", "--format="+format, "-C", dir, "--to", to)
		n := 0
		ids := map[uint64]bool{}
		for row, err := range export.Walk(t.Context(), to) {
			if err != nil {
				t.Fatal(err)
			}
			ids[row.PairID], n = true, n+1
		}
		if want := len(pairsIn(t, dir)); len(ids) != want {
			t.Errorf("%s: %d pairs after a full disk, want %d", format, len(ids), want)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=64k"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExportPage runs each block of docs/export.md on a dataset, as its reader would.
func TestExportPage(t *testing.T) {
	readers.Python(t)
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(finished(t), filepath.Join(dir, "cats")), os.Mkdir(filepath.Join(dir, "bin"), 0o777), os.Symlink(self, filepath.Join(dir, "bin", "pairloom"))); err != nil {
		t.Fatal(err)
	}
	for i, block := range readers.Blocks(t, "../../docs/export.md") {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			got := ""
			if block.Language == "sh" {
				c := exec.Command("sh", "-e", "-c", block.Code)
				c.Dir = dir
				c.Env = append(os.Environ(), asProgram+"=1", "SOURCE_DATE_EPOCH=1700000000", "LC_ALL=C", "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
				out, err := c.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				got = string(out)
			} else {
				got = readers.Script(t, dir, block.Code)
			}
			if got != block.Wants && (block.Wants != "" || block.Language != "sh") { // an export's own line is not shown
				t.Errorf("%s\nprinted\n%s\nthe page says\n%s", block.Code, got, block.Wants)
			}
		})
	}
}
