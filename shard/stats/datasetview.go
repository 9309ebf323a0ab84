package stats

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pairloom/pairloom/shard"
)

// factView is a line of what the dataset is.
type factView struct{ Name, Value, Beside string }

type settingView struct{ Key, Value string }

type generationView struct {
	Number         int
	Added, Deleted int64
	Reasons        Names
}

// addDataset fills what the page shows of a Dataset.
func (v *view) addDataset(s *Stats) {
	d := s.Dataset
	if d == nil {
		return
	}
	add := func(name, value, beside string) {
		if value != "" {
			v.Facts = append(v.Facts, factView{name, value, beside})
		}
	}
	add("Name", d.Name, "")
	add("Version", d.Version, "hash "+d.Hash)
	add("Pairs to train on", grouped(d.Training), grouped(d.HeldOut)+" held out")
	if s.Crawled != nil {
		add("Pages read", s.Crawled.First, "to "+s.Crawled.Last)
	}
	add("Query list", d.Queries.Name, fmt.Sprintf("%s entries, hash %s", grouped(int64(d.Queries.Entries)), d.Queries.Hash))
	add("Seed", strconv.FormatInt(d.Seed, 10), "")
	add("Licence of the collection", d.License, "")
	add("Home", d.URL, "")
	add("Contact", d.Contact, "")
	add("Made by", d.Software, "")
	for _, key := range slices.Sorted(maps.Keys(d.Settings)) {
		v.Settings = append(v.Settings, settingView{key, string(d.Settings[key])})
	}
	for _, g := range slices.Backward(d.Generations) {
		gv := generationView{Number: g.Number, Added: g.Added, Deleted: g.Deleted}
		t := shard.Tally{Dropped: g.Reasons}
		for _, reason := range t.Reasons() {
			gv.Reasons = append(gv.Reasons, Name{reason, g.Reasons[reason]})
		}
		v.Generations = append(v.Generations, gv)
	}
}

// spreadView is what the page shows of hosts or domains.
type spreadView struct {
	Spread
	Of    string
	Curve *curveView
	Bars  []barView
}

func spreadViewOf(of string, s Spread) spreadView {
	var points []Point
	for _, p := range s.Curve {
		points = append(points, Point{p.Rank, p.Pairs})
	}
	return spreadView{s, of, curveOf(points, s.Count.Count, s.Pairs), barsOf(shorten(s.Top, 15))}
}

// changeView is what the page shows of a Change: the figures that differ.
type changeView struct {
	*Change
	Groups []changeGroup
	Same   int // figures that are as they were
}

type changeGroup struct {
	Name string
	Rows []changeRowView
}

type changeRowView struct{ Name, Before, Now, Difference string }

func changeViewOf(c *Change) *changeView {
	if c == nil {
		return nil
	}
	v := &changeView{Change: c}
	for _, r := range c.Rows {
		if r.Before == r.Now {
			v.Same++
			continue
		}
		i := slices.IndexFunc(v.Groups, func(g changeGroup) bool { return g.Name == r.Group })
		if i < 0 {
			i, v.Groups = len(v.Groups), append(v.Groups, changeGroup{Name: r.Group})
		}
		show := func(x float64) string {
			switch {
			case r.Unit == "bytes":
				return bytesText(int64(x))
			case x == float64(int64(x)):
				return grouped(int64(x))
			}
			return strconv.FormatFloat(x, 'f', 2, 64)
		}
		difference := show(r.Now - r.Before)
		if r.Unit == "bytes" && r.Now < r.Before {
			difference = "-" + bytesText(int64(r.Before-r.Now))
		}
		if r.Now > r.Before {
			difference = "+" + difference
		}
		if r.Before != 0 {
			difference += fmt.Sprintf(" (%+.1f%%)", 100*(r.Now-r.Before)/r.Before)
		}
		unit := ""
		if r.Unit != "" && r.Unit != "bytes" {
			unit = ", " + r.Unit
		}
		v.Groups[i].Rows = append(v.Groups[i].Rows, changeRowView{r.Name + unit, show(r.Before), show(r.Now), difference})
	}
	return v
}

// Title names the older dataset.
func (c *changeView) Title() string {
	if c.Name == "" {
		return "an older report"
	}
	return c.Name + " " + c.Version + " (hash " + c.Hash + ")"
}
