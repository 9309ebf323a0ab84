package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer"
)

// smallTar is a tar of WebDataset with n pairs.
func smallTar(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, 20, 16))
		m.Set(i%20, i/20, color.RGBA{200, uint8(i), 40, 255})
		var picture bytes.Buffer
		err := png.Encode(&picture, m)
		for _, member := range []struct {
			end  string
			data []byte
		}{{"png", picture.Bytes()}, {"txt", fmt.Appendf(nil, "a spot at %d", i)}} {
			err = errors.Join(err, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%05d.%s", i, member.end), Size: int64(len(member.data)), Mode: 0o644}))
			_, fault := w.Write(member.data)
			err = errors.Join(err, fault)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestFolderOfDataAlone goes through the commands in a folder that has nothing but a
// configuration with train.data: the dry run says what the training then does, and who asks
// for what only pairs of the folder have is told what there is instead.
func TestFolderOfDataAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	t.Setenv(asProgram, "1")
	dir := t.TempDir()
	settings := "shard:\n  heldout_share: 0.3\ntrain:\n  model: vit-nano\n  batch: 8\n  epochs: 1\n  vocabulary: \"600\"\n"
	for name, data := range map[string][]byte{"a.tar": smallTar(t, 50), "pairloom.yaml": []byte(settings + "  data: [a.tar]\n"), "texts": []byte("a spot\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bare := t.TempDir()
	if err := os.WriteFile(filepath.Join(bare, "pairloom.yaml"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	var asked trainer.Estimate
	_, out, errs := pairloom(t, "train", "-C", dir, "--dry-run", "--json")
	if err := json.Unmarshal([]byte(out), &asked); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	code, out, errs := pairloom(t, "train", "-C", dir)
	if want := fmt.Sprintf("%d pairs, and %d held out", asked.Pairs, 50-asked.Pairs); code != exitDone || asked.Pairs == 50 || !strings.Contains(out, want) || errs != "" {
		t.Errorf("exit %d, want %q, as the dry run said, and no warning:\n%s%s", code, want, out, errs)
	}
	const instead = "this folder trains on train.data alone, and has no pairs of its own"
	for _, tt := range []struct {
		args []string
		want int
		text string
	}{
		{[]string{"run", "-C", dir}, exitConfiguration, "to train on what train.data names, without a crawl: pairloom train -C " + dir},
		{[]string{"run", "-C", dir, "--from", "train", "--to", "train"}, exitDone, ""},
		{[]string{"run", "-C", dir, "--from", "train"}, exitConfiguration, instead},
		{[]string{"eval", "-C", dir}, exitConfiguration, instead},
		{[]string{"embed", "pictures", "-C", dir}, exitConfiguration, instead},
		{[]string{"embed", "texts", filepath.Join(dir, "texts"), "-C", dir}, exitDone, ""},
		{[]string{"train", "-C", bare}, exitConfiguration, "run pairloom shard first, or pairloom run for the whole road; or name in train.data what you have"},
	} {
		code, out, errs := pairloom(t, tt.args...)
		if code != tt.want || !strings.Contains(errs, tt.text) {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", tt.args, code, tt.want, tt.text, out, errs)
		}
	}
}
