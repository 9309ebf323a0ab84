package evaluate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
)

// NoLabel is the reason for which a pair is left out of a class set.
const NoLabel = "no_label"

// NeedsLabels tells the sets that have no classes without a file of labels.
func NeedsLabels(spec string) bool {
	kind, _, _ := strings.Cut(spec, ":")
	return needsLabels(kind)
}

func needsLabels(kind string) bool { return kind == "shards" || kind == "training" }

var errNeedsLabels = errors.New("pairs have no classes of their own; name a file of labels in the key labels")

// openPairs reads the pairs of a dataset's folder as pictures of classes: held-out
// ones or, by the prefix of the parts, those of training. The classes are the
// labels of a file (where a line has a tab, what is before it); which is whose
// decides [batch.Source.Classes], as for the training objective supervised. Pairs
// of no class are counted.
func openPairs(folder, prefix, labels string) (*Set, error) {
	if labels == "" {
		return nil, errNeedsLabels
	}
	lines, err := ReadLabels(labels)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "\t")
		lines[i] = strings.TrimSpace(line)
	}
	source, err := batch.Open(filepath.Join(folder, "shards"), prefix)
	if err != nil {
		return nil, err
	}
	classes, found, err := source.Classes(lines)
	if err == nil && found == 0 {
		err = fmt.Errorf("none of its %d pairs has a label as its whole text", source.Len())
	}
	if err != nil {
		source.Close()
		return nil, fmt.Errorf("labels %s: %w", labels, err)
	}
	s := &Set{Labels: lines, Left: map[string]int64{}, close: source.Close}
	var rows []int
	for row, class := range classes {
		if class < 0 {
			s.Left[NoLabel]++
			continue
		}
		rows, s.Class = append(rows, row), append(s.Class, int(class))
	}
	s.Pictures = chosen{ShardPictures{source}, rows}
	if prefix == batch.HeldOut {
		s.pair = func(i int) (shard.Pair, error) { return source.Pair(rows[i]) }
	}
	return s, nil
}

// chosen are some of other pictures.
type chosen struct {
	Pictures
	numbers []int
}

func (p chosen) Len() int { return len(p.numbers) }

// Centre is that of [Pictures].
func (p chosen) Centre(ctx context.Context, dst []byte, i, side int) error {
	return p.Pictures.Centre(ctx, dst, p.numbers[i], side)
}
