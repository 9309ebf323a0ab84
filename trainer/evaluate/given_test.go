package evaluate

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/layout"
)

// TestGivenModelOfNoName holds that a name that no model has is a fault of the setting,
// as weights are that cannot be used.
func TestGivenModelOfNoName(t *testing.T) {
	dir := t.TempDir()
	saveModel(t, dir, 1)
	c, err := checkpoint.Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Load(dir, Options{Weights: filepath.Join(c.Path, checkpoint.WeightsName), Model: "vit-none"})
	var unusable *layout.Unusable
	if !errors.As(err, &unusable) || !strings.Contains(err.Error(), `no model is called "vit-none"`) {
		t.Errorf("%v", err)
	}
}
