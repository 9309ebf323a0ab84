package optout

import (
	"strings"
	"time"
)

// parseDate reads the dates that unavailable_after is seen with: RFC 822, 850
// and 1123, asctime, ISO 8601, and what people write. Without a time of day it
// is the start of the day, without a zone UTC.
func parseDate(s string) (time.Time, bool) {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 64 {
		return time.Time{}, false
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04",
		"20060102T150405Z0700", "20060102T150405", "20060102",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	s = withoutWeekday(s)
	zone := time.UTC
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		if z, ok := parseZone(s[i+1:]); ok {
			s, zone = s[:i], z
		}
	}
	for _, day := range []string{
		"2 Jan 2006", "2 Jan 06", "2 January 2006", "2-Jan-2006", "2-Jan-06", "Jan 2 2006", "Jan 2, 2006",
		"January 2 2006", "January 2, 2006", "2006-01-02", "2006/01/02",
	} {
		for _, clock := range []string{" 15:04:05", " 15:04", " 3:04 PM", " 3:04:05 PM", ""} {
			if t, err := time.ParseInLocation(day+clock, s, zone); err == nil {
				return t.UTC(), true
			}
		}
	}
	if t, err := time.ParseInLocation("Jan 2 15:04:05 2006", s, zone); err == nil {
		return t.UTC(), true
	}
	return time.Time{}, false
}

// withoutWeekday cuts off a leading day of the week, whole or in short.
func withoutWeekday(s string) string {
	first, rest, ok := strings.Cut(s, " ")
	first = strings.TrimSuffix(first, ",")
	for day := range 7 {
		name := time.Weekday(day).String()
		if ok && (strings.EqualFold(first, name) || strings.EqualFold(first, name[:3])) {
			return rest
		}
	}
	return s
}

// parseZone reads the zones of RFC 822, 5.1, those of Europe, and offsets.
func parseZone(s string) (*time.Location, bool) {
	hours := map[string]int{
		"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
		"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	}
	if h, ok := hours[strings.ToUpper(s)]; ok {
		return time.FixedZone(s, h*3600), true
	}
	for _, layout := range []string{"-0700", "-07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Location(), true
		}
	}
	return nil, false
}
