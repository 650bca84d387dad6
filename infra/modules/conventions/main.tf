# What every object and every pod has in common, in one place. It makes nothing.

locals {
  labels = {
    "app.kubernetes.io/part-of"    = "weather"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  # the component's application
  names = {
    database  = "postgres"
    backup    = "postgres"
    ingestor  = "ingestor"
    webserver = "dagster"
    daemon    = "dagster"
    viewer    = "dagster"
    code      = "dagster"
    ui        = "dagster"
    run       = "dagster"
  }
  # "name" and "component" together select a component's pods
  selectors = {
    for component, name in local.names : component => {
      "app.kubernetes.io/name"      = name
      "app.kubernetes.io/component" = component
    }
  }
  # without a version: of what is made once, such as a Secret, or a claim's template, which cannot change
  lasting_labels = {
    for component, selector in local.selectors : component => merge(local.labels, selector, {
      "app.kubernetes.io/instance" = "weather"
    })
  }
}
