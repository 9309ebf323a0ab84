package pipeline

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// Files beside the selection's parts, where evaluation sets were named: all pairs that
// were dropped for them, and the first of their pictures beside those of the sets.
const (
	OverlapName      = "overlap.csv"
	OverlapSheetName = "overlap.html"
)

// mostSheetRows is how many pictures the contact sheet shows.
const mostSheetRows = 100

var overlapHeader = []string{"pair_id", "reason", "like", "distance", "similarity"}

// overlap collects what was dropped for evaluation sets, by place.
type overlap struct {
	sets *evaluationSets
	rows *extsort.Sorter
}

// newOverlap is nil where there are no sets.
func newOverlap(sets *evaluationSets, dir string) *overlap {
	if sets == nil {
		return nil
	}
	return &overlap{sets, extsort.New(dir, 1<<20)}
}

func (o *overlap) Close() {
	if o != nil {
		o.rows.Close()
	}
}

// add takes a verdict, if it is for an evaluation set.
func (o *overlap) add(v *dedup.Verdict) error {
	if o == nil || v.Reason != dedup.ReasonEvaluationPicture && v.Reason != dedup.ReasonEvaluationText {
		return nil
	}
	var value []byte
	for _, n := range []uint64{v.PairID, v.Note, v.Like, uint64(v.Distance)} {
		value = binary.BigEndian.AppendUint64(value, n)
	}
	value = strconv.AppendFloat(value, v.Likeness, 'f', 4, 64)
	value = append(append(value, ' '), v.Reason...)
	return o.rows.Add(binary.BigEndian.AppendUint64(nil, v.Place), value)
}

// sheetRow is a picture of the contact sheet.
type sheetRow struct {
	PairID, Name, Similarity string
	Distance                 uint64
	Ours, Theirs             template.URL
}

// write writes both files, and returns their names.
func (o *overlap) write(folder string) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	var list bytes.Buffer
	w := csv.NewWriter(&list)
	w.Write(overlapHeader)
	var rows []sheetRow
	counts := map[string]int{}
	for rec, err := range o.rows.Sorted() {
		if err != nil {
			return nil, err
		}
		number := func(i int) uint64 { return binary.BigEndian.Uint64(rec.Value[8*i:]) }
		id, like, distance := shard.FormatPairID(number(0)), number(2), number(3)
		similarity, reason, _ := bytes.Cut(rec.Value[32:], []byte{' '})
		counts[string(reason)]++
		bits := ""
		if string(reason) == dedup.ReasonEvaluationPicture {
			bits = strconv.FormatUint(distance, 10)
			if len(rows) < mostSheetRows {
				row, err := o.row(&dedup.Pair{Note: number(1)}, like)
				if err != nil {
					return nil, err
				}
				row.PairID, row.Distance, row.Similarity = id, distance, string(similarity)
				rows = append(rows, row)
			}
		}
		w.Write([]string{id, string(reason), o.sets.name(like), bits, string(similarity)})
	}
	if w.Flush(); w.Error() != nil {
		return nil, w.Error()
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, OverlapName), list.Bytes()); err != nil {
		return nil, err
	}
	var left []string
	for _, reason := range slices.Sorted(maps.Keys(o.sets.left.Dropped)) {
		left = append(left, fmt.Sprintf("%s %d", reason, o.sets.left.Dropped[reason]))
	}
	err := atomicfile.WriteStream(filepath.Join(folder, OverlapSheetName), func(w io.Writer) error {
		return overlapSheet.Execute(w, map[string]any{
			"Sets": o.sets.options.Against, "Pictures": o.sets.left.Kept, "Texts": o.sets.texts.Len(), "Left": left, "Rows": rows,
			"Dropped": counts[dedup.ReasonEvaluationPicture], "DroppedTexts": counts[dedup.ReasonEvaluationText], "List": OverlapName,
		})
	})
	return []string{OverlapName, OverlapSheetName}, err
}

// row shows a pair's picture beside an evaluation picture.
func (o *overlap) row(p *dedup.Pair, like uint64) (r sheetRow, err error) {
	stored, err := o.sets.stored(p)
	if err != nil {
		return r, err
	}
	t, err := o.sets.thumbs.read(o.sets.places[like])
	if err != nil {
		return r, err
	}
	img := image.NewGray(image.Rect(0, 0, lookalike.Side, lookalike.Side))
	for i, v := range t.grey {
		img.SetGray(i%lookalike.Side, i/lookalike.Side, color.Gray{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return r, err
	}
	return sheetRow{Name: o.sets.name(like), Ours: dataURL(stored.Format, stored.Bytes), Theirs: dataURL("png", b.Bytes())}, nil
}

// dataURL is a picture within a page. A stored picture without a format is a JPEG.
func dataURL(format string, data []byte) template.URL {
	if format == "" {
		format = "jpeg"
	}
	return template.URL("data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(data))
}

var overlapSheet = template.Must(template.New(OverlapSheetName).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Evaluation sets in the dataset</title>
<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{padding:.4rem .8rem;text-align:left;border-bottom:1px solid #ddd;vertical-align:middle}
img{width:128px;height:128px;object-fit:contain;background:#f4f4f4}code{overflow-wrap:anywhere}</style></head><body>
<h1>Evaluation sets in the dataset</h1>
<p>Held against {{.Pictures}} pictures and {{.Texts}} texts of {{range $i, $s := .Sets}}{{if $i}}, {{end}}<code>{{$s}}</code>{{end}}:
{{.Dropped}} pairs were dropped for their pictures and {{.DroppedTexts}} for their texts. All of them stand in {{.List}}.</p>
{{with .Left}}<p>What is no picture there was left out: {{range $i, $s := .}}{{if $i}}, {{end}}{{$s}}{{end}}.</p>{{end}}
{{if .Rows}}<table><tr><th>dropped</th><th>evaluation picture, grey and square</th><th>which</th><th>bits</th><th>correlation</th></tr>
{{range .Rows}}<tr><td><img src="{{.Ours}}" alt="pair {{.PairID}}"><br><code>{{.PairID}}</code></td><td><img src="{{.Theirs}}" alt="evaluation picture"></td><td><code>{{.Name}}</code></td><td>{{.Distance}}</td><td>{{.Similarity}}</td></tr>
{{end}}</table>{{if gt .Dropped (len .Rows)}}<p>The first {{len .Rows}} are shown.</p>{{end}}{{end}}
</body></html>
`))
