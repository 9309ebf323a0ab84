package language

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAgreesWithFastText holds detection to what fastText says of the same bytes by the
// same model.
func TestAgreesWithFastText(t *testing.T) {
	file, err := os.ReadFile("testdata/fasttext.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var s Scratch
	n := 0
	for line := range strings.Lines(string(file)) {
		if line[0] == '#' {
			continue
		}
		n++
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		text := strings.ReplaceAll(f[3], `\t`, "\t")
		likely, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if f[2] == "0.12450" { // what it says of an empty line, which has its end alone
			f[1], likely = "", 0
		}
		// fastText adds 0.00001 to each factor on the way down the tree.
		if code, confidence := Shared().Detect([]byte(text), &s); code != f[1] || math.Abs(confidence-likely) > 2e-4 {
			t.Errorf("%q is %s (%.5f), by fastText %s (%s)", text, code, confidence, f[1], f[2])
		}
	}
	if n < 40 {
		t.Errorf("only %d texts were compared", n)
	}
}

func TestDetect(t *testing.T) {
	for _, text := range []string{"", " ", "?", "\xff"} {
		var s Scratch
		if code, confidence := Shared().Detect([]byte(text), &s); code != "" || confidence != 0 {
			t.Errorf("%q is %s (%v), want none", text, code, confidence)
		}
	}
	if codes := Shared().Codes(); len(codes) != 176 || !slices.Contains(codes, "en") {
		t.Errorf("there are %d codes, want 176 with en", len(codes))
	}
}

func TestDetectAllocatesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector allocates, and it starts no goroutine")
	}
	var s Scratch
	text := []byte("a red fox sleeps in the snow, 狐狸在雪中睡觉")
	Shared().Detect(text, &s)
	if n := testing.AllocsPerRun(100, func() { Shared().Detect(text, &s) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestDamagedModel holds that a model which is cut or whose bytes are others is refused or
// read, and never more.
func TestDamagedModel(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	for n := 0; n < len(embedded); n += 1 + len(embedded)/23 {
		if _, err := read(embedded[:n]); err == nil {
			t.Errorf("the first %d bytes are taken for a model", n)
		}
	}
	if _, err := read(append(bytes.Clone(embedded), 0)); err == nil {
		t.Error("a byte more is taken for a model")
	}
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	damaged := bytes.Clone(embedded)
	for range 25 {
		at := r.IntN(len(damaged))
		if r.IntN(2) == 0 {
			at = r.IntN(200) // the header
		}
		was := damaged[at]
		damaged[at] = byte(r.IntN(256))
		_, _ = read(damaged)
		damaged[at] = was
	}
}

func FuzzDetect(f *testing.F) {
	for _, s := range []string{"A red fox", "狐狸", "\xff\xfe", "<></s>", "a\x00b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Scratch
		code, confidence := Shared().Detect(text, &s)
		if (code == "") != (confidence == 0) || confidence < 0 || confidence > 1 {
			t.Errorf("%q is %q (%v)", text, code, confidence)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	text := []byte("A red fox sleeps in the snow beside an old wooden fence")
	var s Scratch
	b.ReportAllocs()
	for b.Loop() {
		Shared().Detect(text, &s)
	}
}
