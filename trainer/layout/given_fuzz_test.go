package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/layout"
)

// FuzzGiven holds that whatever lies beside weights is taken or refused, and that a
// model that is taken can be described: its parameters are counted without a fault.
func FuzzGiven(f *testing.F) {
	nano, err := clip.Preset("vit-nano")
	if err != nil {
		f.Fatal(err)
	}
	own := learned(f, 600)
	openCLIP, errOpenCLIP := layout.OpenCLIP(nano, own, false)
	huggingFace, err := layout.HuggingFace(nano, own)
	if err = errors.Join(err, errOpenCLIP); err != nil {
		f.Fatal(err)
	}
	f.Add(openCLIP[layout.ConfigName], []byte(nil), []byte(nil))
	f.Add([]byte(nil), huggingFace["config.json"], huggingFace["preprocessor_config.json"])
	f.Add([]byte(`{"model_cfg": {"vision_cfg": {"layers": [1, 1, 1, 1], "head_width": 3}}, "preprocess_cfg": {"mean": []}}`), []byte(nil), []byte(nil))
	f.Add([]byte(nil), []byte(`{"model_type": "clip", "vision_config": {"image_size": [8, 8], "patch_size": 0}}`), []byte(`{"size": {"height": 9}}`))
	weights := tensors(f, "visual.conv1.weight", "logit_scale")
	f.Fuzz(func(t *testing.T, openCLIP, config, preprocessor []byte) {
		if len(openCLIP)+len(config)+len(preprocessor) > 1<<14 {
			return
		}
		folder := t.TempDir()
		for name, text := range map[string][]byte{checkpoint.WeightsName: weights, layout.ConfigName: openCLIP, "config.json": config, "preprocessor_config.json": preprocessor} {
			if len(text) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		g, err := layout.Open(folder)
		if err != nil {
			var unusable *layout.Unusable
			if !errors.As(err, &unusable) {
				t.Errorf("got %v, which does not name the weights", err)
			}
			return
		}
		defer g.Close()
		if g.Config == nil {
			return
		}
		if m := clip.New(*g.Config, 600); m.Parameters.Words() <= 0 {
			t.Errorf("%+v has %d parameters", g.Config, m.Parameters.Words())
		}
	})
}
