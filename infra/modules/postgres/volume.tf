# The size of the database's volume: for two years of hourly loads of the five free resources.

locals {
  # GiB of a place: 117 MB a year were measured with the default retention, 420 MB without any
  place_gib = var.is_pruned ? 0.24 : 0.84
  # 4 GiB for the write-ahead log, Dagster's records, and upkeep
  volume_size = coalesce(var.volume_size, "${max(10, ceil(4 + var.places * local.place_gib))}Gi")
  gib = {
    for name, size in { wanted = local.volume_size, first = terraform_data.claim.input } :
    name => tonumber(regex("^[0-9]+", size)) * { Mi = 1 / 1024, Gi = 1, Ti = 1024 }[regex("[MGT]i$", size)]
  }
}

# The size at the first apply. A StatefulSet's template of claims cannot change, so it keeps this one; so does what makes
# the server start again, or each longer list of places would.
resource "terraform_data" "claim" {
  input = local.volume_size

  lifecycle {
    ignore_changes = [input]
  }
}

# A claim keeps the size that it was made with, whatever its StatefulSet says later: it is enlarged here, or the apply refuses.
resource "terraform_data" "volume" {
  triggers_replace = [local.volume_size]

  provisioner "local-exec" {
    command = "bash \"$SCRIPT\""
    environment = {
      SCRIPT    = "${path.module}/resize.sh"
      CONFIG    = var.kubeconfig
      KUBECTL   = var.kubectl
      NAMESPACE = var.namespace
      SIZE      = local.volume_size
      BYTES     = format("%.0f", local.gib.wanted * pow(1024, 3))
      IS_GIVEN  = tostring(var.volume_size != null)
    }
  }
  depends_on = [kubernetes_stateful_set_v1.postgres]
}
