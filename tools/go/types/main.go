// Types reads manifests on stdin and decodes each object with the Go types of its API, strictly: an unknown or
// repeated field is an error, and so is an object that no API has. It needs neither a server nor a schema.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

func main() {
	for _, add := range []func(*runtime.Scheme) error{certmanager.AddToScheme, monitoring.AddToScheme, gateway.Install} {
		if err := add(scheme.Scheme); err != nil {
			panic(err)
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	reader := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	good, bad := 0, 0
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		var about struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal(document, &about); err == nil && about.Kind == "" {
			continue // comments alone
		}
		if _, _, err := decoder.Decode(document, nil, nil); err != nil {
			fmt.Fprintf(os.Stderr, "%s %s: %v\n", about.Kind, about.Metadata.Name, err)
			bad++
		} else {
			good++
		}
	}
	if bad > 0 || good == 0 {
		fmt.Fprintf(os.Stderr, "%d objects are wrong, of %d\n", bad, bad+good)
		os.Exit(1)
	}
	fmt.Printf("%d objects\n", good)
}
