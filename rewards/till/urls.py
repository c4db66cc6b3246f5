"""Addresses of the rewards' pages at the till; the roof joins them with the members' ones."""

from django.urls import path

from rewards.till import coupons, friends, gifts, pay, pool, refund, report, rewards, sale

urlpatterns = [
    path("", sale.sale, name="sale"),
    path("sale/add/", sale.add, name="sale-add"),
    path("sale/free/", sale.free, name="sale-free"),
    path("sale/lines/<int:line_id>/", sale.change, name="sale-change"),
    path("sale/lines/<int:line_id>/remove/", sale.remove, name="sale-remove"),
    path("sale/member/", sale.member, name="sale-member"),
    path("sale/points/", sale.points, name="sale-points"),
    path("sale/coupons/", coupons.add, name="sale-coupon"),
    path("sale/coupons/remove/", coupons.remove, name="sale-coupon-remove"),
    path("sale/gift/", gifts.choose, name="sale-gift"),
    path("pay/", pay.pay, name="pay"),
    path("pay/by/", pay.pay_by, name="pay-by"),
    path("sold/<uuid:receipt_id>/", pay.sold, name="sold"),
    path("friend/<uuid:member_id>/", friends.friend, name="friend"),
    path("pool/<uuid:member_id>/", pool.pool, name="pool"),
    path("refund/", refund.refund, name="refund"),
    path("refund/<uuid:receipt_id>/", refund.refund_receipt, name="refund-receipt"),
    path("refund/<uuid:receipt_id>/preview/", refund.refund_preview, name="refund-preview"),
    path("refund/<uuid:receipt_id>/do/", refund.refund_do, name="refund-do"),
    path("refunded/<uuid:refund_id>/", refund.refunded, name="refunded"),
    path("rewards/", rewards.rewards, name="rewards"),
    path("rewards/take/", rewards.take, name="reward-take"),
    path("rewards/fetch/", rewards.fetch, name="reward-fetch"),
    path("rewards/<uuid:redemption_id>/", rewards.redemption, name="redemption"),
    path("rewards/<uuid:redemption_id>/hand/", rewards.hand, name="reward-hand"),
    path("rewards/<uuid:redemption_id>/cancel/", rewards.cancel, name="reward-cancel"),
    path("services/use/", rewards.use_service, name="service-use"),
    path("services/<uuid:use_id>/back/", rewards.service_back, name="service-back"),
    path("shift/<int:shift_id>/report/", report.shift_report, name="shift-report"),
]
