package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/settings"
)

// reportCure is what takes out of the report what was found in it. A report shows the
// settings too, so that it has again what a setting names.
func (s *looking) reportCure() string {
	const again = "run pairloom report"
	var keys []string
	values := settings.Values(s.Options)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		var p Place
		s.text(&p, ".json", values[key])
		if p.Found > 0 {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return again
	}
	return fmt.Sprintf("its settings name it: take it out of %s in pairloom.yaml, then %s", strings.Join(keys, " and "), again)
}
