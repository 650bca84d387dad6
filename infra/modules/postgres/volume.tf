# The size of the database's volume: for two years of hourly loads of the five free resources; and the reserve on it.

locals {
  # GiB of a place: 117 MB a year were measured with the default retention, 420 MB without any
  place_gib = var.is_pruned ? 0.24 : 0.84
  # 4 GiB for the write-ahead log, Dagster's records, and upkeep
  volume_size = coalesce(var.volume_size, "${max(10, ceil(4 + var.places * local.place_gib))}Gi")
  volume_gib = (
    tonumber(regex("^[0-9]+", local.volume_size)) *
    { Mi = 1 / 1024, Gi = 1, Ti = 1024 }[regex("[MGT]i$", local.volume_size)]
  )
  # 2 %, for a few segments of the write-ahead log at least (scripts/reserve.sh)
  reserve_mib = min(1024, max(64, floor(local.volume_gib * 1024 * 0.02)))
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
      BYTES     = format("%.0f", local.volume_gib * pow(1024, 3))
      IS_GIVEN  = tostring(var.volume_size != null)
    }
  }
  depends_on = [kubernetes_stateful_set_v1.postgres]
}
