package settings

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRestoreWhatValuesKept(t *testing.T) {
	want := section{common{"bot"}, 10, []string{"a", "b"}, inner{0.1, 2 * time.Second}, true, 8, "", ""}
	values := Values(want)
	if got := string(values["deep.rate"]); got != "0.1" {
		t.Errorf("deep.rate is kept as %s", got)
	}
	values["removed.since"] = json.RawMessage("1")
	var got section
	if err := Restore(&got, values); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("restored %+v, %v; want %+v", got, err, want)
	}
	values["pairs"] = json.RawMessage(`"many"`)
	if err := Restore(&got, values); err == nil || !strings.Contains(err.Error(), "restore pairs") {
		t.Errorf("error is %v, want the key", err)
	}
}
