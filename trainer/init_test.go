package trainer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// TestInitVocabulary starts from weights on pairs with other texts: a token must
// mean what it meant when its row was learned.
func TestInitVocabulary(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	texts := t.TempDir()
	writeTexts(t, texts, 40, "zwei %s %s unten")
	one := small()
	one.Epochs, one.Vocabulary = 1, "530"
	learned := filepath.Join(train(t, texts, one).Checkpoint, checkpoint.WeightsName)
	o := one
	o.Vocabulary = publicVocabulary
	public := filepath.Join(train(t, textsAgain(t), o).Checkpoint, checkpoint.WeightsName)
	apart := func(path string) string {
		folder := t.TempDir()
		copyFile(t, path, folder)
		return filepath.Join(folder, filepath.Base(path))
	}
	vocabularyOf := func(path string) string {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), checkpoint.VocabularyName))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, tt := range []struct {
		name, init, vocabulary string
		want, fault            string // the vocabulary, or the error
	}{
		{"learned there, a number here", learned, "530", vocabularyOf(learned), ""},
		{"learned there, another number here", learned, "4096", vocabularyOf(learned), ""},
		{"learned there, the public one here", learned, publicVocabulary, "", "set train.vocabulary to a number"},
		{"learned there and lost, a number here", apart(learned), "530", "", "there is no vocabulary.txt beside"},
		{"released weights, a number here", apart(public), "4096", "", "set train.vocabulary to public"},
		{"released weights, the public one here", apart(public), publicVocabulary, string(token.Public().Encode()), ""},
		{"the public one there and here", public, publicVocabulary, string(token.Public().Encode()), ""},
		{"the public one there, a number here", public, "4096", string(token.Public().Encode()), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := textsAgain(t)
			o := one
			o.Init, o.Vocabulary = tt.init, tt.vocabulary
			_, err := Run(t.Context(), dir, o, nil)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %q in it", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := lastTensors(t, dir)[checkpoint.VocabularyName]; got != tt.want {
				t.Errorf("the vocabulary has %d bytes and is not that of the weights, of %d bytes", len(got), len(tt.want))
			}
		})
	}
	t.Run("an objective without texts", func(t *testing.T) {
		dir := textsAgain(t)
		o := one
		o.Objective, o.Labels = clip.Supervised, filepath.Join(dir, "labels.txt")
		writeText(t, o.Labels, "a red square\na blue disc\n")
		weights := apart(filepath.Join(train(t, dir, o).Checkpoint, checkpoint.WeightsName))
		o.Init, o.Replace = weights, true
		if r := train(t, dir, o); !r.Complete || r.Resumed != 0 {
			t.Errorf("it gives %+v", r)
		}
	})
}

// textsAgain is a small dataset with the usual texts.
func textsAgain(t *testing.T) string {
	dir := t.TempDir()
	writeShards(t, dir, 20)
	return dir
}
