"""Reservations that are over are found through the few coupons that hold something."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rewards", "0013_tiers")]

    operations = [
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                condition=models.Q(("held__gt", 0)), fields=["id"], name="coupons_held"
            ),
        ),
    ]
