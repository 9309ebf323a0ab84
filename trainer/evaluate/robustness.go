package evaluate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/pairloom/pairloom/internal/lines"
)

// Robustness tells how much better a model does on a shifted set than other
// models of its accuracy (Taori et al., 2020, arXiv 2007.00644).
type Robustness struct {
	Standard string   `json:"standard"` // set
	Shifted  string   `json:"shifted"`  // set
	Accuracy Accuracy `json:"accuracy"` // on the shifted set
	// Predicted is the accuracy on the shifted set that the baseline's line gives
	// for the model's accuracy on the standard one.
	Predicted float64 `json:"predicted"`
	Effective float64 `json:"effective"` // accuracy minus predicted
	Slope     float64 `json:"slope"`     // of the line between the logits
	Intercept float64 `json:"intercept"`
	Models    int     `json:"models"` // of the baseline
}

// AccuracyPair is one model's accuracy on both sets, 0 to 1.
type AccuracyPair struct{ Standard, Shifted float64 }

var errBaseline = errors.New("two models of different accuracy on the standard set are needed to draw a line")

// EffectiveRobustness fits a line to the logits of the baseline's accuracies by
// least squares, and returns slope, intercept and what the line predicts for an
// accuracy on the standard set. Accuracies of 0 and 1 count as 0.001 and 0.999.
func EffectiveRobustness(baseline []AccuracyPair, standard float64) (slope, intercept, predicted float64, err error) {
	var n, sx, sy, sxx, sxy float64
	for _, p := range baseline {
		x, y := logit(p.Standard), logit(p.Shifted)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	spread := n*sxx - sx*sx
	if n < 2 || spread < 1e-9 {
		return 0, 0, 0, errBaseline
	}
	slope = (n*sxy - sx*sy) / spread
	intercept = (sy - slope*sx) / n
	return slope, intercept, 1 / (1 + math.Exp(-slope*logit(standard)-intercept)), nil
}

func logit(p float64) float64 {
	p = min(max(p, 0.001), 0.999)
	return math.Log(p / (1 - p))
}

// ReadBaseline reads a file of lines name,standard,shifted; # begins a comment.
func ReadBaseline(path string) ([]AccuracyPair, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(lines.WithoutMark(f))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', 3, true
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read baseline %s: %w; write name,standard,shifted a line", path, err)
	}
	var list []AccuracyPair
	for _, fields := range records {
		var p AccuracyPair
		for i, to := range []*float64{&p.Standard, &p.Shifted} {
			v, err := strconv.ParseFloat(fields[i+1], 64)
			if err != nil || !(v >= 0 && v <= 1) {
				return nil, fmt.Errorf("read baseline %s: model %q: accuracy %q, a number of 0 to 1 expected", path, fields[0], fields[i+1])
			}
			*to = v
		}
		list = append(list, p)
	}
	return list, nil
}
